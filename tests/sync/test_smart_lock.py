"""SmartLock: one run for all who ask, wherever they are; and each of them may leave."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import logging
import pickle
import threading
import weakref

import pytest

import simul
from tests.bridge.waiting import until, until_in_loop


class Work:
    """A coroutine function that counts its runs and its ends, and ends when it is told to, from any thread."""

    def __init__(self, error=None):
        self.runs, self.ended, self.error, self.waiting = 0, [], error, []

    async def __call__(self, value="value"):
        self.runs += 1
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        try:
            await future
            if self.error is not None:
                raise self.error
            self.ended.append("well")
            return value
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.ended.append("cancelled")
            raise

    def finish(self):
        for future in self.waiting:
            future.get_loop().call_soon_threadsafe(lambda future=future: future.done() or future.set_result(None))
        self.waiting.clear()


@pytest.fixture(autouse=True)
def nothing_logged(caplog):
    caplog.set_level(logging.WARNING)
    yield
    gc.collect()
    assert caplog.records == []


def waiting(lock):
    return lock.statistics()["waiting"]


async def nothing_left():
    """No task of this loop but the one that asks."""
    await until_in_loop(lambda: asyncio.all_tasks() == {asyncio.current_task()})


def test_two_asyncio_loops_one_uvloop_and_two_threads_share_one_run(in_thread):
    uvloop = pytest.importorskip("uvloop", reason="uvloop has no build for this interpreter")
    lock, work = simul.SmartLock(), Work()

    async def call():
        value = await lock.run_once(work)
        await nothing_left()
        return value

    def on(factory):
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(call())

    threads = []
    for number, (function, *args) in enumerate(
        [
            (on, asyncio.new_event_loop),
            (on, asyncio.new_event_loop),
            (on, uvloop.new_event_loop),
            (lambda: lock.run_once(work).wait(),),
            (lambda: lock.run_once(work).wait(30),),
        ],
        start=1,
    ):
        threads.append(in_thread(function, *args))
        until(lambda number=number: waiting(lock) == number)
    until(lambda: work.waiting)
    work.finish()
    assert [thread.join() for thread in threads] == ["value"] * 5
    assert (work.runs, work.ended, waiting(lock)) == (1, ["well"], 0)


@pytest.mark.parametrize("leader", ["task", "thread"])
def test_a_flight_that_has_ended_is_forgotten(run, leader):
    lock, runs = simul.SmartLock(), []

    async def load():
        runs.append(None)
        return len(runs)

    async def main():
        return [await lock.run_once(load), await lock.run_once(load)]

    if leader == "task":
        assert run(main) == [1, 2]
    else:
        assert [lock.run_once(load).wait(), lock.run_once(load).wait()] == [1, 2]


def test_nothing_begins_before_it_is_awaited_and_one_that_is_forgotten_says_so(run):
    lock, work = simul.SmartLock(), Work()

    async def main():
        call = lock.run_once(work)
        assert asyncio.iscoroutine(call)
        assert inspect.isawaitable(call)
        await asyncio.sleep(0)
        assert (work.runs, waiting(lock)) == (0, 0)
        call.close()
        task = asyncio.create_task(lock.run_once(work))
        await until_in_loop(lambda: work.waiting)
        assert "SmartLock.run_once" in repr(task)
        work.finish()
        return await task

    assert run(main) == "value"
    with pytest.warns(RuntimeWarning, match=r"SmartLock\.run_once' was never awaited"):
        lock.run_once(work)


def test_a_call_is_good_for_one_use(run):
    async def load():
        return 1

    call = simul.SmartLock().run_once(load)
    assert call.wait() == 1
    with pytest.raises(RuntimeError, match="already awaited"):
        call.wait()

    async def main():
        with pytest.raises(RuntimeError, match="already awaited"):
            await call

    run(main)


def test_every_keyword_goes_to_the_function():
    async def load(*args, **kwargs):
        return args, kwargs

    given = {"key": 1, "timeout": 2, "self": 3, "coro_func": 4}
    assert simul.SmartLock().run_once(load, 5, **given).wait() == ((5,), given)


def test_a_cancelled_leader_hands_over_and_the_work_goes_on(run):
    lock, work = simul.SmartLock(), Work()

    async def main():
        leader, *others = [asyncio.create_task(lock.run_once(work)) for _ in range(3)]
        await until_in_loop(lambda: work.waiting and waiting(lock) == 3)
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        assert leader.cancelled()
        assert waiting(lock) == 2
        late = asyncio.create_task(lock.run_once(work))
        await until_in_loop(lambda: waiting(lock) == 3)
        work.finish()
        values = await asyncio.gather(*others, late)
        await nothing_left()
        return values

    assert run(main) == ["value"] * 3
    assert (work.runs, work.ended) == (1, ["well"])


def test_the_last_to_leave_cancels_the_work_and_its_clean_up_runs(run):
    lock, work = simul.SmartLock(), Work()

    async def main():
        for leave_first in (0, 1):
            tasks = [asyncio.create_task(lock.run_once(work)) for _ in range(2)]
            await until_in_loop(lambda: work.waiting and waiting(lock) == 2)
            tasks.pop(leave_first).cancel()
            await asyncio.sleep(0)
            assert waiting(lock) == 1
            tasks.pop().cancel()
            await until_in_loop(lambda number=leave_first: len(work.ended) == number + 1)
            work.waiting.clear()
        await nothing_left()

    run(main)
    assert (work.runs, work.ended, waiting(lock)) == (2, ["cancelled"] * 2, 0)


def test_a_leader_in_a_thread_that_runs_out_of_time_leaves_the_run_to_the_others(run, in_thread):
    lock, work = simul.SmartLock(), Work()
    joined = threading.Event()

    async def leave_late():
        future = asyncio.get_running_loop().create_future()
        assert joined.wait(60)  # it holds its loop up: the time is up when another waits
        work.waiting.append(future)
        work.runs += 1
        await future
        return threading.get_ident()

    def lead():
        with pytest.raises(simul.TimeoutError):
            lock.run_once(leave_late).wait(0.05)
        return waiting(lock)

    async def main():
        leader = in_thread(lead)
        await until_in_loop(lambda: waiting(lock) == 1)
        task = asyncio.create_task(lock.run_once(work))
        await until_in_loop(lambda: waiting(lock) == 2)
        joined.set()
        await until_in_loop(lambda: not leader.is_alive())
        assert leader.join() == 1
        await until_in_loop(lambda: work.waiting)
        work.finish()
        return await task

    assert run(main) != threading.get_ident()
    assert work.runs == 1
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "simul-flight"])


def test_a_thread_that_is_alone_and_runs_out_of_time_cleans_up_before_it_returns():
    lock, work = simul.SmartLock(), Work()
    with pytest.raises(simul.TimeoutError):
        lock.run_once(work).wait(0.01)
    assert (work.ended, waiting(lock)) == (["cancelled"] * work.runs, 0)
    with pytest.raises(simul.TimeoutError):
        lock.run_once(work).wait(0)


def test_a_follower_in_a_thread_runs_out_of_time_and_nobody_else_notices(run, in_thread):
    lock, work = simul.SmartLock(), Work()

    def follow():
        with pytest.raises(simul.TimeoutError):
            lock.run_once(work).wait(0.01)

    async def main():
        task = asyncio.create_task(lock.run_once(work))
        await until_in_loop(lambda: work.waiting)
        follower = in_thread(follow)
        await until_in_loop(lambda: not follower.is_alive())
        follower.join()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(lock.run_once(work), 0.001)
        assert waiting(lock) == 1
        work.finish()
        return await task

    assert run(main) == "value"
    assert work.runs == 1


def test_the_end_of_the_loop_that_carries_the_work_loses_nothing(run, in_thread):
    lock, work = simul.SmartLock(), Work()
    may_end = threading.Event()

    def first():
        async def main():
            leader = asyncio.create_task(lock.run_once(work, "first"))
            await until_in_loop(may_end.is_set)
            assert not leader.done()

        run(main)

    async def second():
        return await lock.run_once(work, "second")

    leading = in_thread(first)
    until(lambda: work.waiting)
    others = [in_thread(run, second), in_thread(lambda: lock.run_once(work, "second").wait())]
    until(lambda: waiting(lock) == 3)
    may_end.set()
    leading.join()
    assert work.ended == ["cancelled"]
    until(lambda: len(work.waiting) == 2 and waiting(lock) == 2)
    work.waiting.pop(0)
    work.finish()
    assert [other.join() for other in others] == ["second", "second"]
    assert (work.runs, work.ended) == (2, ["cancelled", "well"])


def test_a_carrying_loop_that_is_closed_in_the_middle_of_the_work_loses_nothing(new_loop, in_thread):
    lock, work = simul.SmartLock(), Work()
    event_loop = new_loop()
    leader = event_loop.create_task(lock.run_once(work, "first"))
    event_loop.run_until_complete(until_in_loop(lambda: work.waiting))
    other = in_thread(lambda: lock.run_once(work, "second").wait())
    until(lambda: waiting(lock) == 2)
    for task in asyncio.all_tasks(event_loop):
        task._log_destroy_pending = False
    event_loop.close()
    until(lambda: len(work.waiting) == 2)
    work.waiting.pop(0)
    work.finish()
    assert other.join() == "second"
    leader.get_coro().close()


def test_a_loop_whose_waiters_go_with_it_disturbs_nobody(run, new_loop, in_thread):
    lock, work = simul.SmartLock(), Work()

    async def main():
        task = asyncio.create_task(lock.run_once(work))
        await until_in_loop(lambda: work.waiting)

        def closes():
            event_loop = new_loop()
            waiter = event_loop.create_task(lock.run_once(work))
            event_loop.run_until_complete(until_in_loop(lambda: waiting(lock) == 2))
            event_loop.close()
            waiter._log_destroy_pending = False

        thread = in_thread(closes)
        await until_in_loop(lambda: not thread.is_alive())
        thread.join()
        gc.collect()
        await until_in_loop(lambda: waiting(lock) == 1)
        work.finish()
        return await task

    assert run(main) == "value"
    assert work.runs == 1


def test_reset_in_flight_gives_every_waiter_its_own_clean_error(run, in_thread):
    lock, work = simul.SmartLock(), Work()
    keyed = lock.for_key("k")

    async def main():
        tasks = [asyncio.create_task(one.run_once(work)) for one in (lock, lock, keyed)]
        thread = in_thread(lambda: lock.run_once(work).wait())
        await until_in_loop(lambda: len(work.waiting) == 2 and waiting(lock) == 3)
        lock.reset()
        assert (waiting(lock), waiting(keyed)) == (0, 0)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(end) for end in ends] == [simul.CancelledError] * 3
        assert not any(task.cancelled() for task in tasks)
        await until_in_loop(lambda: not thread.is_alive())
        with pytest.raises(simul.CancelledError):
            thread.join()
        await until_in_loop(lambda: len(work.ended) == 2)
        work.waiting.clear()
        fresh = asyncio.create_task(lock.run_once(work, "fresh"))
        await until_in_loop(lambda: work.waiting)
        work.finish()
        return await fresh

    assert run(main) == "fresh"
    assert work.ended == ["cancelled", "cancelled", "well"]


def test_reset_ends_a_leader_in_a_thread_after_its_clean_up(in_thread):
    lock, work = simul.SmartLock(), Work()
    leader = in_thread(lambda: lock.run_once(work).wait())
    until(lambda: work.waiting)
    lock.reset()
    with pytest.raises(simul.CancelledError):
        leader.join()
    assert work.ended == ["cancelled"]


def test_keys_that_nobody_uses_leave_nothing_behind(run):
    lock, work = simul.SmartLock(), Work()
    assert lock.for_key(1) is not lock
    held = lock.for_key(1)
    assert lock.for_key(1.0) is held
    del held

    async def main():
        tasks = [asyncio.create_task(lock.for_key(number % 3).run_once(work, number % 3)) for number in range(9)]
        await until_in_loop(lambda: len(work.waiting) == 3)
        assert lock.statistics()["keys"] == 3
        work.finish()
        return await asyncio.gather(*tasks)

    assert run(main) == [0, 1, 2] * 3
    gc.collect()
    assert lock.statistics() == {"waiting": 0, "keys": 0}
    with pytest.raises(TypeError, match="unhashable"):
        lock.for_key([])


def test_the_leaders_context_goes_in_and_does_not_come_out(run):
    variable = contextvars.ContextVar("variable", default="default")

    async def load():
        before = variable.get()
        variable.set("changed")
        return before

    async def main():
        variable.set("leader")
        return await simul.SmartLock().run_once(load), variable.get()

    assert run(main) == ("leader", "leader")
    token = variable.set("plain")
    assert simul.SmartLock().run_once(load).wait() == "plain"
    assert variable.get() == "plain"
    variable.reset(token)


def test_results_and_arguments_die_with_those_who_use_them(run):
    class Thing:
        pass

    lock = simul.SmartLock()
    seen = []

    async def load(argument):
        result = Thing()
        seen.extend([weakref.ref(argument), weakref.ref(result)])
        await asyncio.sleep(0)
        return result

    async def main():
        assert isinstance(await lock.run_once(load, Thing()), Thing)
        await asyncio.gather(*[lock.run_once(load, Thing()) for _ in range(3)])
        await nothing_left()

    gc.disable()
    try:
        run(main)
        assert isinstance(lock.run_once(load, Thing()).wait(), Thing)
        assert [ref() for ref in seen] == [None] * 6
    finally:
        gc.enable()


def test_a_lock_dies_with_its_last_user():
    async def load():
        return 1

    gc.disable()
    try:
        lock = simul.SmartLock()
        assert lock.run_once(load).wait() == 1
        assert lock.for_key(1).run_once(load).wait() == 1
        gone = weakref.ref(lock)
        del lock
        assert gone() is None
    finally:
        gc.enable()


def test_a_lock_is_not_pickled():
    with pytest.raises(TypeError, match="another flight"):
        pickle.dumps(simul.SmartLock())


def test_work_that_used_the_loops_executor_lets_the_process_exit_silently(child):
    """From Python 3.12 on, nobody may start a thread by the time the main thread's loop is closed."""
    child("""
        import asyncio, simul

        async def work():
            await asyncio.to_thread(int)
            return 7

        assert simul.SmartLock().run_once(work).wait() == 7
    """)


def test_a_thread_that_has_used_it_leaves_no_descriptor_behind(child):
    child("""
        import simul
        async def load():
            await asyncio.sleep(0)
            return 7
        lock = simul.SmartLock()
        def use():
            for number in range(2):
                assert lock.for_key(threading.get_ident()).run_once(load).wait() == 7
        def count():
            return len(os.listdir("/proc/self/fd"))
        use()
        before = count()
        for _ in range(20):
            thread = threading.Thread(target=use)
            thread.start()
            thread.join()
        assert count() == before, (count(), before)
    """)


def test_what_the_work_leaves_behind_in_plain_code_ends_with_it():
    ended = []

    async def background():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(threading.get_ident())

    async def load():
        load.task = asyncio.create_task(background())
        await asyncio.sleep(0)
        return "value"

    assert simul.SmartLock().run_once(load).wait() == "value"
    assert ended == [threading.get_ident()]


def test_a_forked_child_has_no_flight_and_the_parents_goes_on(child):
    child("""
        import simul
        lock = simul.SmartLock()
        runs = []
        async def load(value):
            runs.append(value)
            return value
        assert lock.run_once(load, 1).wait() == 1
        async def main():
            gate = asyncio.get_running_loop().create_future()
            async def slow():
                runs.append("slow")
                return await gate
            tasks = [asyncio.create_task(lock.run_once(slow)) for _ in range(2)]
            while lock.statistics()["waiting"] != 2 or "slow" not in runs:
                await asyncio.sleep(0)
            pid = os.fork()
            if pid == 0:
                def in_child():
                    assert lock.statistics()["waiting"] == 0
                    assert lock.run_once(load, 2).wait() == 2
                    assert asyncio.run(again()) == 3
                async def again():
                    return await lock.run_once(load, 3)
                thread = threading.Thread(target=in_child)
                thread.start()
                thread.join()
                os._exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
            gate.set_result("parent")
            assert await asyncio.gather(*tasks) == ["parent"] * 2
        asyncio.run(main())
        pid = os.fork()
        if pid == 0:
            assert lock.run_once(load, 4).wait() == 4
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert lock.run_once(load, 5).wait() == 5
    """)
