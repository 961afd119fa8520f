"""simul.to_thread: what reaches the thread, what comes back, and what is left behind."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import os
import threading
import weakref

import pytest

import simul
from simul import _simul
from tests.job.far_end import PATIENCE_SECONDS

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Local:
    """Something to look at through a weak reference."""


@pytest.fixture
def few_workers():
    """A small limit for calls without a limiter."""
    _simul._worker_limits(2)
    yield 2
    _simul._worker_limits()


def test_the_function_runs_on_another_thread_with_its_arguments(run):
    def function(*args, **kwargs):
        return threading.current_thread(), args, kwargs

    thread, args, kwargs = run(lambda: simul.to_thread(function, 1, "two", three=3))
    assert thread is not threading.current_thread()
    assert thread.name.startswith("simul-worker-")
    assert thread.daemon
    assert (args, kwargs) == ((1, "two"), {"three": 3})


def test_it_is_a_lazy_coroutine(run):
    called = []

    async def main():
        assert inspect.iscoroutinefunction(simul.to_thread)
        coroutine = simul.to_thread(called.append, 1)
        assert asyncio.iscoroutine(coroutine)
        await asyncio.sleep(0)
        coroutine.close()
        await simul.to_thread(called.append, 2)
        await asyncio.create_task(simul.to_thread(called.append, 3))
        await asyncio.wait_for(simul.to_thread(called.append, 4), None)

    run(main)
    assert called == [2, 3, 4]


@pytest.mark.parametrize(
    "make",
    [
        lambda: ValueError("v"),
        lambda: StopAsyncIteration("s"),
        lambda: ExceptionGroup("g", [ValueError()]),
        lambda: UnicodeDecodeError("utf-8", b"x", 0, 1, "needs arguments"),
        lambda: asyncio.CancelledError("raised, not cancelled"),
        GeneratorExit,
    ],
    ids=lambda make: type(make()).__name__,
)
def test_what_the_function_raises_comes_back_as_the_same_object(run, make):
    error = make()

    def fail():
        raise error

    async def main():
        try:
            await simul.to_thread(fail)
        except BaseException as caught:
            return caught

    assert run(main) is error
    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert frames == ["main", "to_thread", "fail"]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=lambda error: type(error).__name__)
def test_exits_go_through_the_loop_and_leave_the_worker_alive(new_loop, error):
    def fail():
        raise error

    with asyncio.Runner(loop_factory=new_loop) as runner:
        with pytest.raises(type(error)) as caught:
            runner.run(simul.to_thread(fail))
        assert caught.value is error
        assert runner.run(simul.to_thread(int, "7")) == 7


def test_stop_iteration_becomes_a_runtime_error(run):
    error = StopIteration("value")

    def fail():
        raise error

    with pytest.raises(RuntimeError) as caught:
        run(simul.to_thread, fail)
    assert caught.value.__cause__ is error


def test_nothing_of_a_call_is_kept_by_the_idle_worker(run):
    seen = []

    def function(argument, keyword):
        seen.extend([weakref.ref(argument), weakref.ref(keyword)])
        result = Local()
        seen.append(weakref.ref(result))
        return result

    def fail():
        local = Local()
        seen.append(weakref.ref(local))
        raise ValueError

    async def call():
        await simul.to_thread(function, Local(), keyword=Local())
        with pytest.raises(ValueError):
            await simul.to_thread(fail)

    async def main():
        gc.collect()
        gc.disable()
        try:
            await call()
            return [ref() for ref in seen]
        finally:
            gc.enable()

    assert run(main) == [None] * 4


def test_variables_set_in_the_function_are_set_for_the_task_and_tokens_reset_across_calls(run):
    tokens = []

    def write():
        assert variable.get() == "task"
        tokens.append(variable.set("worker"))

    def undo():
        assert variable.get() == "worker"
        variable.reset(tokens.pop())

    async def main():
        variable.set("task")
        await simul.to_thread(write)
        assert variable.get() == "worker"
        await simul.to_thread(undo)
        assert variable.get() == "task"
        tokens.append(variable.set("again"))
        await simul.to_thread(lambda: variable.reset(tokens.pop()))
        return variable.get()

    assert run(main) == "task"
    assert variable.get() == "unset"


def test_a_hundred_siblings_never_see_each_others_values(run):
    def work(number):
        seen = variable.get()
        variable.set(f"worker {number}")
        return seen

    async def one(number):
        variable.set(f"task {number}")
        for _ in range(3):
            seen = await simul.to_thread(work, number)
            assert seen in {f"task {number}", f"worker {number}"}
        return variable.get()

    async def main():
        return await asyncio.gather(*(one(number) for number in range(100)))

    assert run(main) == [f"worker {number}" for number in range(100)]


def test_an_abandonable_function_runs_in_a_copy_that_comes_home(run):
    def write():
        before = variable.get()
        variable.set("worker")
        return before

    async def main():
        variable.set("task")
        assert await simul.to_thread(write, abandon_on_cancel=True) == "task"
        return variable.get()

    assert run(main) == "worker"


def test_a_context_that_somebody_else_is_in_is_copied_and_what_was_set_comes_home(run, in_thread, few_workers):
    leave, inside, done = threading.Event(), threading.Event(), threading.Event()

    def elsewhere():
        inside.set()
        assert done.wait(PATIENCE_SECONDS)

    def work():
        before = variable.get()
        variable.set("worker")
        done.set()
        other.join()
        return before

    async def main():
        nonlocal other
        mine = contextvars.copy_context()
        mine.run(variable.set, "task")
        busy = [asyncio.create_task(simul.to_thread(leave.wait, PATIENCE_SECONDS)) for _ in range(few_workers)]
        await asyncio.sleep(0)
        task = asyncio.get_running_loop().create_task(simul.to_thread(work), context=mine)
        await asyncio.sleep(0)
        # Its call waits for a worker, and meanwhile another thread enters its context.
        other = in_thread(mine.run, elsewhere)
        await asyncio.to_thread(inside.wait)
        leave.set()
        seen = await task
        await asyncio.gather(*busy)
        return seen, mine[variable]

    other = None
    assert run(main) == ("task", "worker")


def test_no_context_is_kept_alive_by_the_pool(run):
    class Value:
        pass

    async def main():
        value = Value()
        holder = contextvars.ContextVar("holder")

        async def inner(value):
            holder.set(value)
            await simul.to_thread(holder.get)

        await asyncio.create_task(inner(value))
        ref = weakref.ref(value)
        del value
        await asyncio.sleep(0)
        gc.collect()
        return ref()

    assert run(main) is None


def test_a_cancelled_await_tells_the_function_and_ends_when_it_has_ended(run):
    entered, order = threading.Event(), []

    def function():
        entered.set()
        try:
            while True:
                simul.from_thread.check_cancelled()
        finally:
            order.append("function ended")

    async def main():
        task = asyncio.create_task(simul.to_thread(function))
        await asyncio.to_thread(entered.wait)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        order.append("await ended")
        assert task.cancelled()
        return caught.value.args

    assert run(main) == ("enough",)
    assert order == ["function ended", "await ended"]


def test_a_cancel_is_raised_although_the_function_returns_or_fails(run):
    entered, leave = threading.Event(), threading.Event()
    error = ValueError("in the end")

    def function(fails):
        entered.set()
        assert leave.wait(PATIENCE_SECONDS)
        if fails:
            raise error
        return "result"

    async def main(fails):
        entered.clear()
        leave.clear()
        task = asyncio.create_task(simul.to_thread(function, fails))
        await asyncio.to_thread(entered.wait)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        leave.set()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return caught.value

    def chain(error):
        while error is not None:
            yield error
            error = error.__context__

    run(main, False)
    assert error in list(chain(run(main, True)))


def test_an_abandoned_function_goes_on_and_nobody_hears_of_it(run):
    entered, leave, ended = threading.Event(), threading.Event(), threading.Event()
    seen = []

    def function():
        entered.set()
        assert leave.wait(PATIENCE_SECONDS)
        try:
            simul.from_thread.check_cancelled()
        except asyncio.CancelledError as error:
            seen.append(error)
            raise ValueError("nobody hears") from error
        finally:
            ended.set()

    async def main():
        task = asyncio.create_task(simul.to_thread(function, abandon_on_cancel=True))
        await asyncio.to_thread(entered.wait)
        task.cancel("gone")
        with pytest.raises(asyncio.CancelledError, match="gone"):
            await task
        assert not ended.is_set()
        leave.set()
        await asyncio.to_thread(ended.wait)
        # Its worker is good for others.
        return await simul.to_thread(int, "7")

    assert run(main) == 7
    assert len(seen) == 1


def test_a_timeout_that_expires_is_a_timeout_and_the_function_was_told(run):
    ended = []

    def function(begun):
        begun()
        try:
            while True:
                simul.from_thread.check_cancelled()
        finally:
            ended.append(True)

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await simul.to_thread(function, lambda: None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as limit:
                loop = asyncio.get_running_loop()
                await simul.to_thread(function, lambda: loop.call_soon_threadsafe(limit.reschedule, 0))

    run(main)
    assert 1 <= len(ended) <= 2


def test_a_call_that_waits_for_its_turn_is_cancelled_without_running(run, few_workers):
    leave, called = threading.Event(), []

    async def main():
        first = [asyncio.create_task(simul.to_thread(leave.wait, PATIENCE_SECONDS)) for _ in range(few_workers)]
        late = asyncio.create_task(simul.to_thread(called.append, "late"))
        later = asyncio.create_task(simul.to_thread(called.append, "later"))
        await asyncio.sleep(0)
        late.cancel()
        with pytest.raises(asyncio.CancelledError):
            await late
        assert not any(task.done() for task in first)
        leave.set()
        await asyncio.gather(*first, later)

    run(main)
    assert called == ["later"]


def test_calls_beyond_the_limit_wait_and_come_in_order(run, few_workers):
    running, most, order, missing = [], [], [], []
    lock = threading.Lock()

    def function(number):
        with lock:
            running.append(number)
            most.append(len(running))
            order.append(number)
            # Those before it that were taken by another worker, which has not come as far as this line.
            missing.append(number + 1 - len([other for other in order if other <= number]))
        os.sched_yield()
        with lock:
            running.remove(number)

    async def main():
        await asyncio.gather(*(simul.to_thread(function, number) for number in range(20)))

    run(main)
    assert max(most) <= few_workers
    # What runs side by side may change places; nobody is overtaken by more.
    assert max(missing) < few_workers


class Tokens:
    """A limiter of another make."""

    def __init__(self, total):
        self.semaphore = threading.Semaphore(total)
        self.lock = threading.Lock()
        self.borrowed = self.most = 0

    async def acquire(self):
        while not self.semaphore.acquire(blocking=False):
            await asyncio.sleep(0)
        with self.lock:
            self.borrowed += 1
            self.most = max(self.most, self.borrowed)

    def release(self):
        with self.lock:
            self.borrowed -= 1
        self.semaphore.release()


def test_a_limiter_says_how_many_run_and_gets_its_tokens_back(run):
    limiter = Tokens(3)

    def function(fails):
        if fails:
            raise ValueError
        return 1

    async def main():
        calls = [simul.to_thread(function, number % 3 == 0, limiter=limiter) for number in range(30)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(result, ValueError) for result in results) == 10
        cancelled = asyncio.create_task(simul.to_thread(function, False, limiter=limiter))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])

    run(main)
    assert limiter.borrowed == 0
    assert 1 <= limiter.most <= 3


def test_asyncios_semaphore_is_refused_as_a_limiter(run):
    async def main():
        with pytest.raises(simul.InvalidError, match="simul's"):
            await simul.to_thread(int, limiter=asyncio.Semaphore(2))

    run(main)


def test_many_loops_share_the_workers(new_loop, in_thread):
    def serve():
        with asyncio.Runner(loop_factory=new_loop) as runner:

            async def main():
                numbers = await asyncio.gather(*(simul.to_thread(pow, number, 2) for number in range(200)))
                return sum(numbers)

            return runner.run(main())

    threads = [in_thread(serve) for _ in range(4)]
    assert [thread.join() for thread in threads] == [sum(number**2 for number in range(200))] * 4


def test_the_worker_that_became_idle_last_is_used_first(run):
    async def main():
        both = threading.Barrier(2, timeout=PATIENCE_SECONDS)
        await asyncio.gather(simul.to_thread(both.wait), simul.to_thread(both.wait))
        return {(await simul.to_thread(threading.current_thread)).name for _ in range(50)}

    assert len(run(main)) == 1


def test_idle_workers_end(run):
    async def main():
        return await simul.to_thread(threading.current_thread)

    _simul._worker_limits(idle_seconds=0)
    try:
        # Whoever sleeps already was told a longer time: those who come back now go.
        thread = run(main)
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
    finally:
        _simul._worker_limits()
    assert run(main).is_alive()


def test_a_closed_loop_leaves_the_worker_unharmed(new_loop, run):
    entered, leave = threading.Event(), threading.Event()

    def function():
        entered.set()
        assert leave.wait(PATIENCE_SECONDS)

    event_loop = new_loop()
    task = event_loop.create_task(simul.to_thread(function))
    event_loop.run_until_complete(asyncio.to_thread(entered.wait))
    event_loop.close()
    task._log_destroy_pending = False
    del task, event_loop
    leave.set()
    assert run(simul.to_thread, int, "7") == 7


def test_kwargs_and_callables_of_every_kind(run):
    class Callable:
        def __call__(self, *, limit):
            return limit

        def method(self, x):
            return x

    async def main():
        return [
            await simul.to_thread(Callable(), limit=1),
            await simul.to_thread(Callable().method, 2),
            await simul.to_thread(functools.partial(pow, 3), 1),
            await simul.to_thread(functools.partial(Callable(), limit=4)),
            await simul.to_thread(int),
        ]

    assert run(main) == [1, 2, 3, 4, 0]


def test_a_function_that_cannot_be_called_raises_in_the_await(run):
    with pytest.raises(TypeError):
        run(simul.to_thread, "no function")


def test_without_a_running_loop_it_says_so():
    coroutine = simul.to_thread(int)
    with pytest.raises(RuntimeError, match="no running event loop"):
        coroutine.send(None)


@pytest.mark.parametrize("debug", [False, True])
def test_debug_mode_has_nothing_to_say(new_loop, debug, caplog):
    with asyncio.Runner(loop_factory=new_loop, debug=debug) as runner:
        assert runner.run(simul.to_thread(int, "7")) == 7
    assert not caplog.records


def test_workers_make_no_frames_for_tracebacks_to_hold(run):
    def fail():
        raise ValueError

    async def main():
        errors = []
        for _ in range(3):
            try:
                await simul.to_thread(fail)
            except ValueError as error:
                errors.append(error)
        return errors

    errors = run(main)
    # One object a call: no traceback grows.
    depths = []
    for error in errors:
        depth, traceback = 0, error.__traceback__
        while traceback is not None:
            depth, traceback = depth + 1, traceback.tb_next
        depths.append(depth)
    assert depths == [3, 3, 3]


def test_a_process_forked_in_a_worker_has_loops_of_its_own(child, loop_kind):
    child(
        """
        import simul
        @simul.smartasync
        async def answer():
            await asyncio.sleep(0)
            return 7
        def work():
            pid = os.fork()
            if pid == 0:
                try:
                    os._exit(answer())
                finally:
                    os._exit(1)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        async def main():
            return await simul.to_thread(work), await answer()
        assert run(main(), arguments[0]) == (7, 7)
        """,
        loop_kind,
    )
