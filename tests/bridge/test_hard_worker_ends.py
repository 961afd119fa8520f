"""Workers and calls that end in unusual ways: many at once, by exceptions from outside, without their loop."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import random
import threading
import weakref

import pytest

import simul
from simul import _simul
from tests.bridge.waiting import until
from tests.job.far_end import PATIENCE_SECONDS

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.fixture
def few_workers():
    """A small limit for calls without a limiter."""
    _simul._worker_limits(2)
    yield 2
    _simul._worker_limits()


@pytest.mark.parametrize("seed", range(3))
def test_calls_that_are_cancelled_at_every_stage_leave_every_token_and_place_free(run, seed):
    def function(number):
        if number % 3 == 0:
            simul.from_thread.run_sync(int)
        elif number % 3 == 1:
            simul.from_thread.run(asyncio.sleep, 0)
        return number

    async def main():
        chance, limiter = random.Random(seed), simul.CapacityLimiter(3)
        tasks = []
        for number in range(600):
            call = simul.to_thread(
                function, number, limiter=limiter if number % 2 else None, abandon_on_cancel=number % 5 == 0
            )
            tasks.append(asyncio.create_task(call))
            if chance.random() < 0.5:
                chance.choice(tasks[-20:]).cancel()
            if number % 7 == 0:
                await asyncio.sleep(0)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(
            result == number or isinstance(result, asyncio.CancelledError) for number, result in enumerate(results)
        )
        assert results.count(None) == 0
        # Those that were left behind end too.
        await asyncio.to_thread(until, lambda: limiter.borrowed_tokens == 0)
        return await simul.to_thread(int, "7", limiter=limiter)

    assert run(main) == 7
    until(lambda: _simul._worker_statistics()["counted"] == 0)
    assert _simul._worker_statistics()["waiting"] == 0


def test_ten_thousand_waiting_calls_that_are_cancelled_at_once_are_let_go(run, few_workers):
    leave, called = threading.Event(), []

    class Argument:
        pass

    async def main():
        busy = [asyncio.create_task(simul.to_thread(leave.wait, PATIENCE_SECONDS)) for _ in range(few_workers)]
        await asyncio.sleep(0)
        argument = Argument()
        seen = weakref.ref(argument)
        token = variable.set(argument)
        tasks = [asyncio.create_task(simul.to_thread(called.append, argument)) for _ in range(10_000)]
        variable.reset(token)
        del token, argument
        survivor = asyncio.create_task(simul.to_thread(int, "7"))
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
        tasks.clear()
        del task
        await asyncio.sleep(0)
        assert not any(task.done() for task in busy)
        waiting = _simul._worker_statistics()["waiting"]
        leave.set()
        await asyncio.gather(*busy)
        result = await survivor
        gc.collect()
        return waiting, result, seen()

    waiting, result, kept = run(main)
    assert waiting <= 2
    assert (result, kept, called) == (7, None, [])


def test_a_limiter_that_grows_lets_waiting_calls_in_and_one_that_shrinks_keeps_them_out(run):
    leave, running = threading.Event(), []

    def function(number):
        running.append(number)
        assert leave.wait(PATIENCE_SECONDS)

    async def main():
        limiter = simul.CapacityLimiter(1)
        tasks = [asyncio.create_task(simul.to_thread(function, number, limiter=limiter)) for number in range(6)]
        await asyncio.to_thread(until, lambda: len(running) == 1)
        limiter.total_tokens = 3
        await asyncio.to_thread(until, lambda: len(running) == 3)
        limiter.total_tokens = 1
        tasks[5].cancel()
        await asyncio.sleep(0)
        assert len(running) == 3
        leave.set()
        await asyncio.gather(*tasks[:5])
        return limiter.borrowed_tokens

    assert run(main) == 0
    assert running == [0, 1, 2, 3, 4]


def test_generators_coroutines_and_awaitables_come_back_as_they_are(run):
    def generate():
        yield 1

    async def coroutine():
        return 2

    async def main():
        generator = await simul.to_thread(generate)
        made = await simul.to_thread(coroutine)
        future = asyncio.get_running_loop().create_future()
        assert await simul.to_thread(lambda: future) is future
        with pytest.raises(RuntimeError) as caught:
            await simul.to_thread(next, iter(()))
        assert isinstance(caught.value.__cause__, StopIteration)
        return next(generator), await made

    assert run(main) == (1, 2)


@pytest.mark.parametrize("abandon", [False, True])
def test_what_a_failing_function_has_set_is_set(run, abandon):
    def function():
        variable.set("set")
        raise ValueError

    async def main():
        with pytest.raises(ValueError):
            await simul.to_thread(function, abandon_on_cancel=abandon)
        return variable.get()

    assert run(main) == "set"


def test_an_exception_from_outside_ends_one_worker_and_nothing_else(child):
    """As debuggers and time limits do it: PyThreadState_SetAsyncExc."""
    done = child(
        """
        import ctypes
        import simul
        class Outside(BaseException):
            pass
        def here():
            return threading.current_thread()
        ended = []
        threading.excepthook = lambda arguments: ended.append(arguments.exc_type)
        async def main():
            answers = []
            for _ in range(30):
                thread = await simul.to_thread(here)
                raised = ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread.ident), ctypes.py_object(Outside)
                )
                assert raised == 1
                for _ in range(3):
                    try:
                        answers.append(await simul.to_thread(int, "7"))
                    except Outside:
                        answers.append("outside")
            return answers
        answers = asyncio.run(main())
        # Each exception met a call, or a thread between two.
        say(answers.count("outside") + len(ended) >= 1, set(answers) <= {7, "outside"}, set(ended) <= {Outside})
        figures = simul._simul._worker_statistics()
        say(figures["threads"], figures["counted"])
        """
    )
    assert done.lines == ["True True True", "1 0"]


@pytest.mark.parametrize("fails", [False, True])
def test_a_loop_closed_while_functions_run_hears_nothing_and_their_workers_go_on(child, loop_kind, fails):
    done = child(
        """
        import gc
        import simul
        kind, fails = arguments[0], arguments[1] == "True"
        entered, leave = threading.Barrier(4), threading.Event()
        def function():
            entered.wait()
            leave.wait()
            if fails:
                raise ValueError("nobody hears")
            return threading.current_thread().name
        loop = new_loop(kind)
        async def main():
            for _ in range(3):
                asyncio.ensure_future(simul.to_thread(function))._log_destroy_pending = False
            await loop.run_in_executor(None, entered.wait)
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        del loop
        gc.collect()
        leave.set()
        while simul._simul._worker_statistics()["idle"] < 3:
            threading.Event().wait(0.001)
        async def after():
            return await simul.to_thread(threading.current_thread)
        say(run(after(), kind).name in {f"simul-worker-{number}" for number in (1, 2, 3)})
        say(simul._simul._worker_statistics()["started"])
        """,
        loop_kind,
        str(fails),
    )
    assert done.lines == ["True", "3"]
    assert done.err == ""
