"""SmartLock: what becomes of a flight whose carrier goes away, or stands still; and where a worker's work runs."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

import simul
from simul.sync.lookout import Lookout
from tests.bridge.waiting import until, until_in_loop
from tests.sync.test_smart_lock import Work, nothing_left, nothing_logged, waiting  # noqa: F401  (a fixture)


def stopped_in_the_middle(event_loop, lock, work):
    """Leads a flight on the loop, and stops the loop; the leader still waits."""

    async def main():
        task = asyncio.create_task(lock.run_once(work, "first"))
        await until_in_loop(lambda: work.waiting)
        return task

    return event_loop.run_until_complete(main())


def closed_in_the_middle(event_loop, lock, work):
    leader = stopped_in_the_middle(event_loop, lock, work)
    for task in asyncio.all_tasks(event_loop):
        task._log_destroy_pending = False
    return leader


def finish_the_second(work):
    until(lambda: len(work.waiting) == 2)
    work.waiting.pop(0)
    work.finish()


def test_of_all_who_wait_for_a_lost_carrier_exactly_one_begins_again_and_the_late_share_it(new_loop, in_thread):
    lock, work = simul.SmartLock(), Work()
    carrying, held = new_loop(), threading.Event()
    leader = closed_in_the_middle(carrying, lock, work)

    def late():
        async def main():
            task = asyncio.create_task(lock.run_once(work, "late"))
            await until_in_loop(lambda: waiting(lock) == 2)
            assert held.wait(60)  # it hears nothing of what goes on meanwhile
            return await task

        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(main())

    latecomer = in_thread(late)
    until(lambda: waiting(lock) == 2)
    others = []
    for number in range(3, 6):
        others.append(in_thread(lambda: lock.run_once(work, "second").wait()))
        until(lambda number=number: waiting(lock) == number)
    carrying.close()
    assert waiting(lock) == 4
    finish_the_second(work)
    assert [other.join() for other in others] == ["second"] * 3
    held.set()
    assert latecomer.join() == "second"
    assert (work.runs, waiting(lock)) == (2, 0)
    leader.get_coro().close()


def test_those_of_a_closed_loop_wait_no_longer(new_loop, in_thread):
    lock, work, carrying = simul.SmartLock(), Work(), new_loop()

    async def main():
        tasks = [asyncio.create_task(lock.run_once(work)) for _ in range(3)]
        await until_in_loop(lambda: work.waiting and waiting(lock) == 3)
        return tasks

    tasks = carrying.run_until_complete(main())
    for task in asyncio.all_tasks(carrying):
        task._log_destroy_pending = False
    carrying.close()
    assert waiting(lock) == 0
    assert "idle" in repr(lock)
    other = in_thread(lambda: lock.run_once(work, "other").wait())
    finish_the_second(work)
    assert other.join() == "other"
    for task in tasks:
        task.get_coro().close()
    assert (work.runs, waiting(lock)) == (2, 0)


def test_one_who_comes_between_the_loss_and_the_next_leader_is_in_the_same_flight(new_loop, in_thread):
    lock, work = simul.SmartLock(), Work()
    carrying, held, joined = new_loop(), threading.Event(), threading.Event()
    leader = closed_in_the_middle(carrying, lock, work)

    def late():
        async def main():
            task = asyncio.create_task(lock.run_once(work, "late"))
            await until_in_loop(lambda: waiting(lock) == 2)
            joined.set()
            assert held.wait(60)
            return await task

        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(main())

    latecomer = in_thread(late)
    assert joined.wait(60)
    carrying.close()
    newcomer = in_thread(lambda: lock.run_once(work, "new").wait())
    finish_the_second(work)
    assert newcomer.join() == "new"
    held.set()
    assert latecomer.join() == "new"
    assert work.runs == 2
    leader.get_coro().close()


def test_one_who_leaves_when_the_lead_could_be_its_own_leaves_it_to_the_others(new_loop, in_thread):
    lock, work = simul.SmartLock(), Work()
    carrying, held, joined = new_loop(), threading.Event(), threading.Event()
    leader = closed_in_the_middle(carrying, lock, work)

    def leaves():
        async def main():
            task = asyncio.create_task(lock.run_once(work, "never"))
            await until_in_loop(lambda: waiting(lock) == 2)
            joined.set()
            assert held.wait(60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(main())

    leaving = in_thread(leaves)
    assert joined.wait(60)
    carrying.close()
    held.set()
    leaving.join()
    assert waiting(lock) == 0
    assert work.runs == 1
    leader.get_coro().close()


def test_work_that_somebody_cancels_once_is_begun_again_by_one_of_the_others(run):
    lock, work = simul.SmartLock(), Work()

    async def main():
        calls = [asyncio.create_task(lock.run_once(work, number)) for number in range(4)]
        await until_in_loop(lambda: work.waiting and waiting(lock) == 4)
        calls[1].cancel()  # it is not the one to lead
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "SmartLock.run_once"]
        task.cancel()
        await until_in_loop(lambda: len(work.waiting) == 2)
        assert waiting(lock) == 2
        work.waiting.pop(0)
        work.finish()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        await nothing_left()
        return ends

    leader, cancelled, *others = run(main)
    assert type(leader) is simul.CancelledError
    assert type(cancelled) is asyncio.CancelledError
    assert others == [2, 2]
    assert work.runs == 2


def test_one_who_is_cancelled_just_when_it_is_to_lead_passes_the_lead_on(run):
    lock, work = simul.SmartLock(), Work()

    async def main():
        calls = [asyncio.create_task(lock.run_once(work, number)) for number in range(3)]
        await until_in_loop(lambda: work.waiting and waiting(lock) == 3)
        (party,) = lock._parties
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "SmartLock.run_once"]
        task.cancel()
        await until_in_loop(lambda: party.lead is not None)
        calls[1].cancel()
        await until_in_loop(lambda: len(work.waiting) == 2)
        work.waiting.pop(0)
        work.finish()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        await nothing_left()
        return ends

    first, second, third = run(main)
    assert (type(first), type(second), third) == (simul.CancelledError, asyncio.CancelledError, 2)
    assert (work.runs, waiting(lock)) == (2, 0)


@pytest.mark.parametrize("follower", ["thread", "loop"])
def test_a_loop_that_was_stopped_and_not_closed_is_relieved_by_one_who_turns(new_loop, in_thread, follower):
    lock, work = simul.SmartLock(), Work()
    carrying = new_loop()
    leader = stopped_in_the_middle(carrying, lock, work)

    def follow():
        if follower == "thread":
            return lock.run_once(work, "second").wait()

        async def main():
            return await lock.run_once(work, "second")

        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(main())

    following = in_thread(follow)
    finish_the_second(work)
    assert following.join() == "second"
    # What was left on the stopped loop shares the outcome when it turns again, and the lost work is cancelled there.
    assert carrying.run_until_complete(leader) == "second"
    carrying.run_until_complete(nothing_left())
    assert (work.runs, work.ended, waiting(lock)) == (2, ["well", "cancelled"], 0)
    carrying.close()


def test_a_relieved_loop_that_turns_before_the_end_waits_with_the_others(new_loop, in_thread):
    lock, work = simul.SmartLock(), Work()
    carrying = new_loop()
    leader = stopped_in_the_middle(carrying, lock, work)
    following = in_thread(lambda: lock.run_once(work, "second").wait())
    until(lambda: len(work.waiting) == 2)

    async def main():
        await until_in_loop(lambda: work.ended == ["cancelled"])
        assert waiting(lock) == 2
        work.waiting.pop(0)
        work.finish()
        return await leader

    assert carrying.run_until_complete(main()) == "second"
    assert following.join() == "second"
    assert work.runs == 2
    carrying.close()


def test_plain_code_on_the_thread_of_a_stopped_loop_leads_at_once(new_loop):
    lock, runs = simul.SmartLock(), []
    carrying = new_loop()

    async def load():
        runs.append(None)
        if len(runs) == 1:
            await asyncio.get_running_loop().create_future()
        return "value"

    async def begin():
        task = asyncio.create_task(lock.run_once(load))
        await until_in_loop(lambda: runs)
        return task

    leader = carrying.run_until_complete(begin())
    assert lock.run_once(load).wait() == "value"
    assert carrying.run_until_complete(leader) == "value"
    assert len(runs) == 2
    carrying.close()


def test_the_loop_of_a_bridged_call_that_gave_up_is_relieved(in_thread):
    lock, work = simul.SmartLock(), Work()
    followed = threading.Event()

    @simul.smartasync
    async def get(name):
        if name == "second":
            return await lock.run_once(work, name)
        call = asyncio.create_task(lock.run_once(work, name))
        await until_in_loop(lambda: waiting(lock) == 2)
        call.cancel()
        return "gave up"

    following = in_thread(lambda: until(lambda: work.waiting) or followed.set() or get("second"))
    assert get("first") == "gave up"
    assert followed.is_set()
    finish_the_second(work)
    assert following.join() == "second"
    assert work.runs == 2


def test_a_loop_that_is_blocked_keeps_its_work(run, new_loop, in_thread):
    lock, work = simul.SmartLock(), Work()
    looks = []

    def follow():
        return lock.run_once(work).wait()

    async def main():
        task = asyncio.create_task(lock.run_once(work))
        await until_in_loop(lambda: work.waiting)
        following = in_thread(follow)
        until(lambda: waiting(lock) == 2)
        lookout = Lookout(lock._flight)

        def look_often():
            for _ in range(10):
                lookout.look()
                looks.append(lookout.silent)

        in_thread(look_often).join()  # this blocks the loop
        assert waiting(lock) == 2
        work.finish()
        return await task, following

    value, following = run(main)
    assert (value, following.join(), work.runs) == ("value", "value", 1)
    assert looks == [0] * 10


def test_the_watchdog_names_what_holds_up_the_loop_that_others_wait_for(run, in_thread, caplog):
    lock, work, spoken = simul.SmartLock(), Work(), threading.Event()

    def hear(report):
        if report.site is not None and "spoken.wait" in report.site.text:
            spoken.set()

    async def main():
        task = asyncio.create_task(lock.run_once(work))
        await until_in_loop(lambda: work.waiting)
        following = in_thread(lambda: lock.run_once(work).wait())
        await until_in_loop(lambda: waiting(lock) == 2)
        assert spoken.wait(60)  # one who waits elsewhere has nobody else to tell what for
        work.finish()
        return await task, following

    with simul.debug(0.02, on_report=hear):
        value, following = run(main)
        assert (value, following.join(), work.runs) == ("value", "value", 1)
    caplog.clear()


def test_a_worker_runs_the_work_on_the_loop_that_awaits_it_and_lends_its_token(run):
    lock, limiter = simul.SmartLock(), simul.CapacityLimiter(1)
    variable = contextvars.ContextVar("variable", default="default")
    seen = []

    async def load(future):
        seen.append((asyncio.get_running_loop(), variable.get()))
        # The one token is the worker's, who waits for this.
        seen.append(await simul.to_thread(threading.get_ident, limiter=limiter))
        return await future

    async def main():
        variable.set("caller")
        future = asyncio.get_running_loop().create_future()

        def plain():
            return lock.run_once(load, future).wait(60)

        worker = asyncio.create_task(simul.to_thread(plain, limiter=limiter))
        await until_in_loop(lambda: len(seen) == 2)
        other = asyncio.create_task(lock.run_once(load, future))
        await until_in_loop(lambda: waiting(lock) == 2)
        future.set_result("value")
        assert seen[0] == (asyncio.get_running_loop(), "caller")
        return await worker, await other

    assert run(main) == ("value", "value")
    assert len(seen) == 2
    assert limiter.borrowed_tokens == 0


def test_a_workers_time_is_its_own_and_its_works_timeout_is_another(run):
    lock, work = simul.SmartLock(), Work()

    async def fails():
        raise TimeoutError("the work's own")

    def plain():
        with pytest.raises(simul.TimeoutError, match="did not end in time"):
            lock.run_once(work).wait(0.01)
        with pytest.raises(TimeoutError, match="the work's own") as caught:
            lock.for_key(1).run_once(fails).wait(60)
        return type(caught.value)

    async def main():
        task = asyncio.create_task(lock.run_once(work))
        await until_in_loop(lambda: work.waiting)
        assert await simul.to_thread(plain) is TimeoutError
        assert waiting(lock) == 1
        work.finish()
        return await task

    assert run(main) == "value"


def test_asking_again_from_a_worker_of_the_work_is_refused(run):
    lock = simul.SmartLock()

    async def never():
        raise AssertionError("it ran")

    async def again():
        with pytest.raises(simul.DeadlockError, match="itself"):
            await simul.to_thread(lambda: lock.run_once(never).wait())
        return "refused"

    async def main():
        return await lock.run_once(again)

    assert run(main) == "refused"
    assert lock.run_once(again).wait() == "refused"


def test_a_worker_whose_loop_is_closed_hears_of_it(child):
    child("""
        import simul
        lock = simul.SmartLock()
        async def never():
            raise AssertionError("it ran")
        started, go, ended = threading.Event(), threading.Event(), threading.Event()
        def plain():
            started.set()
            assert go.wait(60)
            try:
                lock.run_once(never).wait()
            except simul.ClosedError:
                ended.set()
        async def main():
            task = asyncio.create_task(simul.to_thread(plain, abandon_on_cancel=True))
            while not started.is_set():
                await asyncio.sleep(0)
            task.cancel()
        asyncio.run(main())
        go.set()
        assert ended.wait(60)
    """)
