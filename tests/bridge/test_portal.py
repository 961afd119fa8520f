"""simul.Portal: plain threads call into a loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import gc
import threading
import weakref

import pytest

import simul
from tests.job.far_end import PATIENCE_SECONDS

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.fixture
def portal(new_loop):
    with simul.Portal(loop_factory=new_loop) as portal:
        yield portal


async def double(number):
    await asyncio.sleep(0)
    return number * 2


def test_calls_run_on_one_loop_thread_and_return_values(portal):
    async def where():
        return threading.current_thread().name, id(asyncio.get_running_loop())

    assert portal.call(double, 21) == 42
    assert portal.call(pow, 2, 3) == 8
    assert len({portal.call(where) for _ in range(3)}) == 1
    assert portal.call(where)[0] == "simul-portal"


def test_many_threads_share_it(portal, in_thread):
    threads = [in_thread(lambda number=number: [portal.call(double, number) for _ in range(20)]) for number in range(8)]
    assert [thread.join() for thread in threads] == [[number * 2] * 20 for number in range(8)]


@pytest.mark.parametrize("make", [lambda: ValueError("v"), lambda: SystemExit(3), KeyboardInterrupt])
def test_errors_come_back_as_the_same_object_and_the_loop_lives_on(portal, make):
    error = make()

    async def fail():
        await asyncio.sleep(0)
        raise error

    with pytest.raises(type(error)) as caught:
        portal.call(fail)
    assert caught.value is error
    assert portal.call(double, 1) == 2


def test_a_failed_calls_frames_are_freed_without_the_collector(portal):
    class Local:
        pass

    seen = []

    async def fail():
        local = Local()
        seen.append(weakref.ref(local))
        raise ValueError

    def call():
        with contextlib.suppress(ValueError):
            portal.call(fail)

    gc.collect()
    gc.disable()
    try:
        call()
        portal.call(double, 1)
        assert seen[0]() is None
    finally:
        gc.enable()


def test_context_variables_go_in_and_come_back(portal):
    async def write():
        before = variable.get()
        variable.set("portal")
        return before

    def caller():
        variable.set("caller")
        return portal.call(write), variable.get()

    assert contextvars.copy_context().run(caller) == ("caller", "portal")


def test_start_soon_is_cancelled_when_the_coroutine_has_ended(portal):
    entered, cleaned = threading.Event(), threading.Event()

    async def stay():
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    future = portal.start_soon(stay)
    assert isinstance(future, concurrent.futures.Future)
    assert entered.wait(PATIENCE_SECONDS)
    assert future.running()
    assert future.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        future.result(PATIENCE_SECONDS)
    assert cleaned.is_set()
    assert future.cancelled()


def test_a_coroutine_that_ignores_its_cancel_gives_its_result(portal):
    entered = threading.Event()

    async def stubborn():
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done all the same"

    future = portal.start_soon(stubborn)
    assert entered.wait(PATIENCE_SECONDS)
    future.cancel()
    assert future.result(PATIENCE_SECONDS) == "done all the same"


def test_a_future_can_be_awaited_on_another_loop(portal, run):
    async def main():
        return await asyncio.wrap_future(portal.start_soon(double, 4))

    assert run(main) == 8


def test_the_loops_own_thread_is_refused_at_once(portal):
    async def inside():
        with pytest.raises(simul.NestedLoopError, match="own loop"):
            portal.call(double, 1)
        with pytest.raises(simul.NestedLoopError):
            portal.close()
        return True

    assert portal.call(inside)


def test_a_closed_portal_says_so(new_loop):
    portal = simul.Portal(loop_factory=new_loop)
    assert portal.call(double, 1) == 2
    portal.close()
    portal.close()
    with pytest.raises(simul.ClosedError):
        portal.call(double, 1)
    with pytest.raises(simul.ClosedError):
        portal.start_soon(double, 1)
    assert not [thread for thread in threading.enumerate() if thread.name == "simul-portal"]


def test_leaving_waits_for_tasks_and_an_exception_cancels_them(new_loop):
    ended = []

    async def work(turns):
        try:
            for _ in range(turns):
                await asyncio.sleep(0)
            ended.append("finished")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with simul.Portal(loop_factory=new_loop) as portal:
        portal.start_soon(work, 100)
    with pytest.raises(ValueError), simul.Portal(loop_factory=new_loop) as portal:
        portal.start_soon(work, 10**9)
        portal.call(double, 1)
        raise ValueError
    assert ended == ["finished", "cancelled"]


def test_an_async_portal_opens_the_running_loop(run):
    async def main():
        async with simul.Portal() as portal:

            async def where():
                return asyncio.get_running_loop()

            assert await asyncio.to_thread(portal.call, where) is asyncio.get_running_loop()
            with pytest.raises(simul.NestedLoopError):
                portal.call(double, 1)
        with pytest.raises(simul.ClosedError):
            await asyncio.to_thread(portal.call, double, 1)

    run(main)


def test_a_caller_hears_that_the_lent_loop_was_closed(new_loop, in_thread):
    event_loop = new_loop()
    portal, entered = simul.Portal(), threading.Event()

    async def stay():
        entered.set()
        await asyncio.Event().wait()

    event_loop.run_until_complete(portal.__aenter__())
    caller = in_thread(portal.call, stay)
    event_loop.run_until_complete(asyncio.to_thread(entered.wait))
    for task in asyncio.all_tasks(event_loop):
        task._log_destroy_pending = False
    event_loop.close()
    with pytest.raises(simul.ClosedError):
        caller.join()
    with pytest.raises(simul.ClosedError):
        portal.call(double, 1)


def test_an_async_context_manager_is_entered_and_left_in_one_task(portal):
    tasks = []

    @contextlib.asynccontextmanager
    async def manager():
        tasks.append(asyncio.current_task())
        async with asyncio.timeout(60), asyncio.TaskGroup():
            token = variable.set("inside")
            try:
                yield "value"
            finally:
                await asyncio.sleep(0)
                tasks.append(asyncio.current_task())
                variable.reset(token)

    with portal.wrap_cm(manager()) as value:
        assert value == "value"
    assert tasks[0] is tasks[1]


def test_an_async_context_manager_sees_and_may_swallow_the_exception(portal):
    seen = []

    @contextlib.asynccontextmanager
    async def manager(swallow):
        try:
            yield
        except ValueError as error:
            seen.append(error)
            if not swallow:
                raise

    error = ValueError("from the block")
    with portal.wrap_cm(manager(True)):
        raise error
    with pytest.raises(ValueError) as caught, portal.wrap_cm(manager(False)):
        raise error
    assert caught.value is error
    assert seen == [error, error]


def test_a_manager_that_fails_to_enter_raises_and_leaves_nothing(portal):
    @contextlib.asynccontextmanager
    async def manager():
        raise ValueError("no entry")
        yield

    with pytest.raises(ValueError, match="no entry"), portal.wrap_cm(manager()):
        pass


def test_all_steps_of_an_async_generator_run_in_one_task(portal):
    tasks = []

    async def numbers():
        tasks.append(asyncio.current_task())
        token = variable.set("inside")
        for number in range(3):
            await asyncio.sleep(0)
            tasks.append(asyncio.current_task())
            yield number
        variable.reset(token)

    assert list(portal.wrap_agen(numbers())) == [0, 1, 2]
    assert len(set(tasks)) == 1


def test_leaving_early_runs_the_generators_finally_there_and_then(portal):
    ended = []

    async def numbers():
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            ended.append(threading.current_thread().name)

    for _ in portal.wrap_agen(numbers()):
        break
    gc.collect()
    assert ended == ["simul-portal"]


def test_values_and_errors_go_into_the_generator(portal):
    async def echo():
        got = yield "first"
        while True:
            try:
                got = yield got
            except ValueError as error:
                got = error.args[0]

    steps = portal.wrap_agen(echo())
    assert next(steps) == "first"
    assert steps.send("a") == "a"
    assert steps.throw(ValueError("b")) == "b"
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)


def test_exit_leaves_no_thread_behind_and_says_nothing(child):
    done = child(
        """
        import simul
        portal = simul.Portal()
        async def stay():
            try:
                await asyncio.Event().wait()
            finally:
                say("cleaned")
        async def one():
            return 1
        portal.start_soon(stay)
        say(portal.call(one))
        """
    )
    assert done.lines == ["1", "cleaned"]


def test_a_forked_child_starts_its_own(child):
    done = child(
        """
        import simul
        portal = simul.Portal()
        async def one():
            return threading.current_thread().name
        say(portal.call(one))
        pid = os.fork()
        if pid == 0:
            say("child", portal.call(one))
            os._exit(0) if not portal.close() else None
        os.waitpid(pid, 0)
        say(portal.call(one))
        """,
        options=("-W", "ignore::DeprecationWarning"),
    )
    assert done.lines == ["simul-portal", "child simul-portal", "simul-portal"]


def test_ctrl_c_cancels_the_call_and_lets_it_clean_up(starting_child):
    import signal

    running = starting_child(
        """
        import simul
        def waits():
            return sys._current_frames()[threading.main_thread().ident].f_code.co_name == "wait"
        async def stay():
            while not waits():
                await asyncio.sleep(0)
            say("in")
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                say("cleaned")
        async def one():
            return 1
        with simul.Portal() as portal:
            try:
                portal.call(stay)
            except KeyboardInterrupt:
                say("interrupted")
            say(portal.call(one))
        """
    )
    running.expect("in")
    running.signal(signal.SIGINT)
    for line in ("cleaned", "interrupted", "1"):
        running.expect(line)
    finished = running.finish()
    assert (finished.code, finished.err) == (0, "")
