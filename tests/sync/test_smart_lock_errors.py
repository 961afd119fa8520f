"""SmartLock: what the work raises, what waits for itself, and what breaks a wait off."""

from __future__ import annotations

import asyncio
import errno
import gc
import traceback
import weakref

import pytest

import simul
from tests.bridge.waiting import until, until_in_loop
from tests.sync.test_smart_lock import Work, nothing_left, nothing_logged, waiting  # noqa: F401  (a fixture)


class DemandingError(Exception):
    """Its constructor wants what it does not leave in `args`, and counts its calls."""

    made = 0

    def __init__(self, *, code, detail):
        DemandingError.made += 1
        super().__init__(f"{code}: {detail}")
        self.code = code


class SlottedError(Exception):
    __slots__ = ("extra",)


def failing(make):
    async def fail():
        marker = "a frame of the work"  # noqa: F841
        await asyncio.sleep(0)
        raise make() from KeyError("cause")

    return fail


def slotted():
    error = SlottedError("a", 1)
    error.extra = [1]
    error.add_note("a note")
    return error


MADE = {
    "demanding": lambda: DemandingError(code=7, detail="x"),
    "slotted": slotted,
    "os": lambda: FileNotFoundError(errno.ENOENT, "gone", "name", None, "other"),
    "unicode": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    "exit": lambda: SystemExit(3),
    "stop": lambda: StopAsyncIteration(5),
    "key": lambda: KeyError("k"),
    "group": lambda: ExceptionGroup("several", [ValueError(1), TypeError(2)]),
    "import": lambda: ImportError("no", name="n", path="p"),
    "attribute": lambda: AttributeError("no", name="n", obj=MADE),
}


@pytest.mark.parametrize("kind", MADE)
def test_each_of_many_gets_an_exception_of_its_own(run, kind):
    lock = simul.SmartLock()

    async def caught():
        try:
            await lock.run_once(failing(MADE[kind]))
        except BaseException as error:
            return error

    async def main():
        errors = await asyncio.gather(*[caught() for _ in range(100)])
        await nothing_left()
        return errors

    errors = run(main)
    model = MADE[kind]()
    assert len({id(error) for error in errors}) == 100
    for error in errors:
        assert type(error) is type(model)
        assert error.args == model.args or kind == "group"
        for name in ("code", "extra", "filename", "filename2", "errno", "object", "reason", "name", "path", "message"):
            assert getattr(error, name, None) == getattr(model, name, None)
        assert getattr(error, "__notes__", None) == getattr(model, "__notes__", None)
        assert str(error) == str(model)
        assert type(error.__cause__) is KeyError
        frames = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
        assert frames[0] == "caught"
        assert frames[-1] == "fail"
        assert len(frames) <= 5
    if kind == "slotted":
        errors[0].add_note("mine")
        assert errors[1].__notes__ == ["a note"]


def test_waiters_on_several_loops_and_threads_get_an_exception_each(run, new_loop, in_thread):
    lock, work = simul.SmartLock(), Work(error=ValueError("shared"))

    async def call():
        try:
            await lock.run_once(work)
        except ValueError as error:
            return error

    def elsewhere():
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(call())

    def plain():
        try:
            lock.run_once(work).wait()
        except ValueError as error:
            return error

    async def main():
        here = [asyncio.create_task(call()) for _ in range(2)]
        await until_in_loop(lambda: work.waiting)
        threads = [in_thread(function) for function in (elsewhere, plain, elsewhere, plain)]
        await until_in_loop(lambda: waiting(lock) == 6)
        work.finish()
        errors = await asyncio.gather(*here)
        await until_in_loop(lambda: not any(thread.is_alive() for thread in threads))
        return errors + [thread.join() for thread in threads]

    errors = run(main)
    assert [type(error) for error in errors] == [ValueError] * 6
    assert len({id(error) for error in errors}) == 6
    for error in errors:
        frames = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
        assert frames[0] in {"call", "plain"}
        assert frames[-1] == "__call__"
        assert len(frames) <= 5
    assert work.runs == 1


def test_asking_again_through_a_nested_call_is_refused(run):
    lock = simul.SmartLock()

    async def never():
        raise AssertionError("it ran")

    @simul.async_handler
    async def nested():
        return await lock.run_once(never)

    async def again():
        with pytest.raises(simul.DeadlockError, match="itself"):
            nested()
        return "refused"

    async def main():
        return await lock.run_once(again)

    assert run(main) == "refused"
    assert lock.run_once(again).wait() == "refused"


def test_the_constructor_of_an_exception_is_called_by_the_work_alone(run):
    DemandingError.made = 0
    lock = simul.SmartLock()

    async def main():
        calls = [lock.run_once(failing(MADE["demanding"])) for _ in range(5)]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert [end.code for end in ends] == [7] * 5

    run(main)
    assert DemandingError.made == 1


def test_who_is_alone_gets_the_very_object(run):
    error = ValueError("mine")

    async def fail():
        raise error

    async def main():
        with pytest.raises(ValueError, match="mine") as caught:
            await simul.SmartLock().run_once(fail)
        assert caught.value is error

    run(main)
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        simul.SmartLock().run_once(fail).wait()
    assert caught.value is error
    frames = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
    assert frames[-1] == "fail"
    assert len(frames) <= 5


@pytest.mark.parametrize("callers", [1, 3])
@pytest.mark.parametrize("waits", [False, True])
def test_what_a_failing_frame_held_dies_with_the_exception(run, callers, waits):
    class Thing:
        pass

    lock, seen = simul.SmartLock(), []

    async def fail():
        thing = Thing()
        seen.append(weakref.ref(thing))
        if waits:
            await asyncio.sleep(0)
        raise ValueError("gone")

    async def call():
        try:
            await lock.run_once(fail)
        except ValueError:
            return "failed"

    async def main():
        ends = await asyncio.gather(*[call() for _ in range(callers)])
        await nothing_left()
        return ends

    gc.disable()
    try:
        assert run(main) == ["failed"] * callers
        with pytest.raises(ValueError, match="gone"):
            lock.run_once(fail).wait()
        assert [ref() for ref in seen] == [None] * len(seen)
    finally:
        gc.enable()


def test_an_error_that_nobody_waits_for_is_silent(run):
    lock = simul.SmartLock()

    async def fail():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            raise ValueError("nobody hears this")

    async def main():
        task = asyncio.create_task(lock.run_once(fail))
        await until_in_loop(lambda: len(asyncio.all_tasks()) == 3)
        await asyncio.sleep(0)
        task.cancel()
        await nothing_left()

    run(main)
    with pytest.raises(simul.TimeoutError):
        lock.run_once(fail).wait(0.01)
    gc.collect()


def test_a_cancelled_error_of_the_works_own_cancels_no_waiter(run):
    lock = simul.SmartLock()

    async def work():
        other = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(0)
        other.cancel("the other's")
        await other

    async def call():
        with pytest.raises(asyncio.CancelledError) as caught:
            await lock.run_once(work)
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(0)
        return type(caught.value)

    async def main():
        return await asyncio.gather(call(), call())

    assert run(main) == [asyncio.CancelledError] * 2
    with pytest.raises(asyncio.CancelledError):
        lock.run_once(work).wait()


def test_a_work_that_cancels_itself_ends_in_an_error_of_simul(run):
    lock, runs = simul.SmartLock(), []

    async def work():
        runs.append(None)
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    async def main():
        calls = [lock.run_once(work) for _ in range(3)]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(end) for end in ends] == [simul.CancelledError] * 3

    run(main)
    assert len(runs) == 3


def test_a_wrong_call_fails_as_the_function_would(run):
    async def load(one):
        return one

    async def main():
        with pytest.raises(TypeError, match="one"):
            await simul.SmartLock().run_once(load)

    run(main)


def test_asking_again_from_the_work_itself_is_refused(run):
    lock = simul.SmartLock()

    async def never():
        raise AssertionError("it ran")

    async def again():
        with pytest.raises(simul.DeadlockError, match="itself"):
            await lock.run_once(never)
        with pytest.raises(simul.DeadlockError, match="itself"):
            lock.run_once(never).wait()
        with pytest.raises(simul.DeadlockError, match="itself"):
            await asyncio.create_task(lock.run_once(never))
        with pytest.raises(simul.DeadlockError, match="itself"):
            await asyncio.to_thread(lambda: lock.run_once(never).wait())
        return await lock.for_key("another").run_once(other)

    async def other():
        return "other"

    async def main():
        return await lock.run_once(again)

    assert run(main) == "other"
    assert lock.run_once(again).wait() == "other"


def test_a_task_that_the_work_has_left_behind_may_ask_after_its_end(run):
    lock = simul.SmartLock()

    async def work():
        return asyncio.create_task(later())

    async def later():
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await lock.run_once(value)

    async def value():
        return "value"

    async def main():
        return await (await lock.run_once(work))

    assert run(main) == "value"


def test_two_flights_that_wait_for_each_other_are_refused(run):
    lock = simul.SmartLock()
    one, two = lock.for_key(1), lock.for_key(2)
    begun = []

    async def value():
        raise AssertionError("it ran")

    async def first():
        begun.append(1)
        await until_in_loop(lambda: len(begun) == 2)
        return await two.run_once(value)

    async def second():
        begun.append(2)
        await until_in_loop(lambda: len(begun) == 2)
        return await one.run_once(value)

    async def main():
        calls = [one.run_once(first), two.run_once(second)]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(end) for end in ends] == [simul.DeadlockError] * 2
        await nothing_left()

    run(main)


def test_holding_up_the_loop_that_carries_the_work_is_refused(run):
    lock, work = simul.SmartLock(), Work()

    async def main():
        task = asyncio.create_task(lock.run_once(work))
        await until_in_loop(lambda: work.waiting)
        with pytest.raises(simul.NestedLoopError, match="holds up"):
            lock.run_once(work).wait()
        assert waiting(lock) == 1
        work.finish()
        return await task

    assert run(main) == "value"


@pytest.mark.filterwarnings("ignore:.*stalls that loop:RuntimeWarning")
def test_plain_code_below_a_running_loop_leads_and_follows(run, in_thread):
    lock, work = simul.SmartLock(), Work()

    async def load():
        await asyncio.sleep(0)
        return "led"

    async def main():
        assert lock.run_once(load).wait() == "led"
        leader = in_thread(lambda: lock.run_once(work).wait())
        await until_in_loop(lambda: work.waiting)
        finisher = in_thread(lambda: until(lambda: waiting(lock) == 2) or work.finish())
        assert lock.run_once(work).wait() == "value"
        assert leader.join() == "value"
        finisher.join()

    run(main)


def test_ctrl_c_in_a_leader_that_is_alone_cleans_up_and_leaves_the_thread_clean(starting_child):
    child = starting_child("""
        import simul
        lock = simul.SmartLock()
        async def slow():
            say("working")
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.sleep(0)
                say("cleaned up")
        async def quick():
            return 7
        try:
            lock.run_once(slow).wait()
        except KeyboardInterrupt:
            say("interrupted")
        say(lock.run_once(quick).wait(), lock.statistics()["waiting"])
    """)
    child.expect("working")
    child.signal(2)
    for line in ("cleaned up", "interrupted", "7 0"):
        child.expect(line)
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")


def test_ctrl_c_in_a_leader_leaves_the_run_to_the_others(starting_child):
    child = starting_child("""
        import simul
        lock = simul.SmartLock()
        gate = []
        async def slow():
            gate.append(asyncio.get_running_loop().create_future())
            return await gate[0]
        def follow():
            while not gate:
                os.sched_yield()
            say("follows", lock.run_once(slow).wait())
        thread = threading.Thread(target=follow)
        thread.start()
        def tell():
            while lock.statistics()["waiting"] < 2:
                os.sched_yield()
            say("both wait")
        threading.Thread(target=tell).start()
        try:
            lock.run_once(slow).wait()
        except KeyboardInterrupt:
            say("interrupted", len(gate))
        gate[0].get_loop().call_soon_threadsafe(gate[0].set_result, "value")
        thread.join()
    """)
    child.expect("both wait")
    child.signal(2)
    child.expect("interrupted 1")
    child.expect("follows value")
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")
