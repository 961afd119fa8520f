"""What the ancestor of `async_handler` got wrong, and the patch of asyncio under it: one row, one test.

A1   a frame named `wrapper` makes it return a coroutine   test_a1_the_callers_name_decides_nothing
A1b  so does a function named `coro`                       test_a1_the_callers_name_decides_nothing
A1c  in an async def it runs, and then the await fails     test_a1c_in_a_coroutine_it_gives_the_value_and_aio_awaits
A2   asyncio.run(loop_factory=...) fails after the import  test_a2_asyncio_run_takes_a_loop_factory
A2c  nesting fails under uvloop                            test_a2c_nesting_works_on_both_kinds_of_loop
A3   three descriptors stay with each thread               test_a3_no_descriptor_stays_while_the_collector_is_off
A4   every exception is printed                            test_a4_nothing_is_printed
A5   nested calls end in the reverse of their order        test_a5_each_nested_call_returns_when_its_own_work_ends
A5b  two that wait for each other hang                     test_a5b_two_that_wait_for_each_other_are_told_so
A6   400 nested calls exhaust the stack                    test_a6_four_hundred_nested_calls_work
"""

from __future__ import annotations

import asyncio
import functools

import pytest

import simul


@simul.async_handler
async def double(number):
    await asyncio.sleep(0)
    return number * 2


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


def coro(number):
    return double(number)


def _async_call(number):
    return double(number)


def test_a1_the_callers_name_decides_nothing(run):
    callers = [decorated(double), coro, _async_call]
    assert [call(2) for call in callers] == [4, 4, 4]

    async def main():
        return [call(3) for call in callers]

    assert run(main) == [6, 6, 6]


def test_a1c_in_a_coroutine_it_gives_the_value_and_aio_awaits(run):
    async def main():
        return double(4), await double.aio(5)

    assert run(main) == (8, 10)


def test_a2_asyncio_run_takes_a_loop_factory(child):
    child(
        """
        import simul
        @simul.async_handler
        async def work():
            await asyncio.sleep(0)
            return type(asyncio.get_running_loop())
        class Own(asyncio.SelectorEventLoop):
            pass
        async def main():
            assert type(asyncio.get_running_loop()) is Own
            assert asyncio.current_task() is not None
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                inner = group.create_task(asyncio.sleep(0, "task"))
            work()
            return inner.result()
        work()
        if sys.version_info >= (3, 12):
            assert asyncio.run(main(), loop_factory=Own) == "task"
        with asyncio.Runner(loop_factory=Own) as runner:
            assert runner.run(main()) == "task"
        assert "nest_asyncio" not in sys.modules
        """
    )


def test_a2c_nesting_works_on_both_kinds_of_loop(run):
    def plain(depth):
        return nested(depth)

    @simul.async_handler
    async def nested(depth):
        await asyncio.sleep(0)
        return depth if depth == 0 else plain(depth - 1) + 1

    async def main():
        outer, task = asyncio.get_running_loop(), asyncio.current_task()
        before = plain(5)
        assert asyncio.get_running_loop() is outer
        assert asyncio.current_task() is task
        await asyncio.sleep(0)
        return before

    assert run(main) == 5
    assert run(main, debug=True) == 5


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a3_no_descriptor_stays_while_the_collector_is_off(child, kind):
    child(
        """
        import simul
        use(arguments[0])
        @simul.async_handler
        async def work():
            await asyncio.sleep(0)
            return 1
        def nested():
            async def main():
                return work()
            assert asyncio.run(main()) == 1
        descriptors = lambda: len(os.listdir("/proc/self/fd"))
        def round():
            for target in (work, nested):
                thread = threading.Thread(target=target)
                thread.start()
                thread.join()
        round()
        gc.disable()
        before = descriptors()
        for _ in range(10):
            round()
        assert descriptors() == before
        """,
        kind,
    )


def test_a4_nothing_is_printed(child):
    finished = child(
        """
        import simul
        class Own(Exception):
            pass
        raised = Own("mine")
        @simul.async_handler
        async def at_once():
            raise raised
        @simul.async_handler
        async def later():
            await asyncio.sleep(0)
            raise raised
        async def main():
            for call in (at_once, later):
                try:
                    call()
                except Own as error:
                    assert error is raised
        for call in (at_once, later):
            try:
                call()
            except Own as error:
                assert error is raised
        asyncio.run(main())
        """
    )
    assert finished.out == ""


def test_a5_each_nested_call_returns_when_its_own_work_ends(run):
    log = []

    @simul.async_handler
    async def handler(name, seconds):
        await asyncio.sleep(seconds)
        log.append(("ended", name))

    async def request(name, seconds):
        handler(name, seconds)
        log.append(("returned", name))

    async def main():
        await asyncio.gather(*[request(str(seconds), seconds) for seconds in (0.01, 0.02, 0.08)])

    run(main)
    assert len(log) == 6
    assert all(
        ended[0] == "ended" and returned == ("returned", ended[1])
        for ended, returned in zip(log[::2], log[1::2], strict=True)
    )


def test_a5b_two_that_wait_for_each_other_are_told_so(run):
    async def main():
        futures = [asyncio.get_running_loop().create_future() for _ in range(2)]
        refused = []

        @simul.async_handler
        async def wait_for(future):
            return await future

        async def one(number):
            await asyncio.sleep(0)
            with pytest.raises(simul.NestedLoopError):
                wait_for(futures[1 - number])
            refused.append(number)
            if len(refused) == 2:
                for refusal in refused:
                    futures[refusal].set_result(refusal)
            return await futures[1 - number]

        return await asyncio.gather(one(0), one(1))

    assert run(main) == [1, 0]


def test_a6_four_hundred_nested_calls_work(run):
    async def request(number):
        await asyncio.sleep(0)
        return double(number)

    async def main():
        return await asyncio.gather(*[request(number) for number in range(400)])

    assert run(main) == [number * 2 for number in range(400)]
