"""What the ancestor of `smartasync` got wrong about what it was given and who called: one row, one test.

G11  a plain helper gets a coroutine in a running loop    test_g11_a_plain_helper_gets_the_value_in_a_running_loop
G12  set_sync fails in a running loop                     test_g12_set_sync_gives_values_in_a_running_loop
G13  async generators are not bridged                     test_g13_an_async_generator_is_iterated_by_both
G14  an async __call__ is taken for a plain function      test_g14_an_object_with_an_async_call_counts_as_async
G17  what a coroutine sets is invisible to its caller     test_g17_a_caller_sees_what_the_coroutine_set
R1   a retry around it never retries                      test_r1_a_retry_around_it_retries_in_both_contexts
R4   set_async leaks into new threads                     test_r4_set_async_does_not_reach_new_threads
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sys

import pytest

import simul

from .waiting import until


def test_g11_a_plain_helper_gets_the_value_in_a_running_loop(run, recwarn):
    async def work(number):
        await asyncio.sleep(0)
        return number * 2

    smart, handled = simul.smartasync(work), simul.async_handler(work)

    def helper():
        return smart.sync(1), handled(2), simul.run(work(3))

    async def main():
        return helper()

    assert run(main) == (2, 4, 6)
    assert list(recwarn) == []


def test_g12_set_sync_gives_values_in_a_running_loop(run):
    @simul.smartasync
    async def work():
        await asyncio.sleep(0)
        return "value"

    async def main():
        assert simul.is_async_context() is True
        simul.set_sync()
        try:
            assert simul.is_async_context() is False
            assert work() == "value"
        finally:
            simul.set_sync(False)
        assert simul.is_async_context() is True
        return await work()

    assert run(main) == "value"
    assert simul.is_async_context() is False


def test_g13_an_async_generator_is_iterated_by_both(run):
    finished = []

    @simul.smartasync
    async def numbers(count):
        task = asyncio.current_task()
        try:
            for number in range(count):
                await asyncio.sleep(0)
                assert asyncio.current_task() is task
                yield number
        finally:
            await asyncio.sleep(0)
            finished.append(count)

    assert list(numbers(3)) == [0, 1, 2]
    for number in numbers(4):
        if number == 1:
            break
    until(lambda: len(finished) == 2)
    iterator = numbers(5)
    assert next(iterator) == 0
    iterator.close()
    assert finished == [3, 4, 5]

    async def main():
        return [number async for number in numbers(2)]

    assert run(main) == [0, 1]


def test_g14_an_object_with_an_async_call_counts_as_async(run):
    class Callable:
        async def __call__(self, number):
            await asyncio.sleep(0)
            return number * 2

    wrapped = simul.smartasync(Callable())
    assert inspect.iscoroutinefunction(wrapped.aio)
    assert wrapped(2) == 4

    async def main():
        coroutine = wrapped(3)
        assert asyncio.iscoroutine(coroutine)
        return await coroutine

    assert run(main) == 6


def test_g17_a_caller_sees_what_the_coroutine_set():
    variable = contextvars.ContextVar("variable", default="unset")

    @simul.smartasync
    async def work():
        variable.set("before")
        await asyncio.sleep(0)
        return variable.set("after")

    def caller():
        token = work()
        assert variable.get() == "after"
        variable.reset(token)
        return variable.get()

    assert contextvars.copy_context().run(caller) == "before"


def test_r1_a_retry_around_it_retries_in_both_contexts(run):
    tenacity = pytest.importorskip("tenacity", reason="tenacity is a test dependency of ./dev test")
    retry = tenacity.retry(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_none())
    calls = []

    async def flaky():
        await asyncio.sleep(0)
        calls.append("call")
        if len(calls) % 3:
            raise ValueError("not yet")
        return len(calls)

    async def main():
        return await retry(simul.smartasync(flaky).aio)(), await simul.smartasync(retry(flaky))()

    assert run(main) == (3, 6)
    assert simul.smartasync(retry(flaky))() == 9


@pytest.mark.parametrize("inherit", ["0", "1"])
def test_r4_set_async_does_not_reach_new_threads(child, inherit):
    option = ("-X", f"thread_inherit_context={inherit}") if sys.version_info >= (3, 14) else ()
    child(
        """
        import simul
        @simul.smartasync
        async def work():
            return 42
        simul.set_async()
        assert simul.is_async_context()
        coroutine = work()
        assert asyncio.iscoroutine(coroutine)
        coroutine.close()
        seen = []
        thread = threading.Thread(target=lambda: seen.append((work(), simul.is_async_context())))
        thread.start()
        thread.join()
        assert seen == [(42, False)], seen
        simul.set_async(False)
        assert work() == 42
        """,
        options=option,
    )
