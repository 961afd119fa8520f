"""Calls inside of a running loop."""

from __future__ import annotations

import asyncio
import sys

import pytest

import simul


def test_waiting_for_the_loop_beneath_raises_at_once(run):
    async def wait_for(awaitable):
        return await awaitable

    async def wait_in_a_task(awaitable):
        return await asyncio.create_task(wait_for(awaitable))

    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(asyncio.sleep(0, "done"))
        for awaitable in (future, task):
            for waiting in (wait_for, wait_in_a_task):
                with pytest.raises(simul.NestedLoopError):
                    simul.run(waiting(awaitable))
            with pytest.raises(simul.NestedLoopError):
                simul.run(awaitable)
        future.set_result(1)
        return await future, await task

    assert run(main) == (1, "done")


def test_no_way_of_asyncio_to_wait_for_the_loop_beneath_hangs(child, loop_kind):
    child(
        """
        import types
        import simul

        async def through_a_generator(awaitable):
            @types.coroutine
            def generator():
                return (yield from awaitable.__await__())

            return await generator()

        class Awaitable:
            def __init__(self, coroutine):
                self.coroutine = coroutine

            def __await__(self):
                return self.coroutine.__await__()

        async def by_steps(awaitable):
            yield await awaitable

        async def through_an_async_generator(awaitable):
            async for value in by_steps(awaitable):
                return value

        async def in_a_task(awaitable):
            async with asyncio.TaskGroup() as group:
                group.create_task(awaitable)

        async def just(awaitable):
            return await awaitable

        def of_its_own():
            return asyncio.ensure_future(asyncio.sleep(0))

        ways = [
            lambda future: asyncio.wait({future}),
            lambda future: asyncio.wait({future}, return_when=asyncio.FIRST_COMPLETED),
            lambda future: asyncio.wait({future}, return_when=asyncio.FIRST_EXCEPTION),
            lambda future: asyncio.wait({future, of_its_own()}),
            lambda future: in_a_task(asyncio.wait({future})),
            lambda future: through_a_generator(asyncio.wait({future})),
            lambda future: Awaitable(asyncio.wait({future})),
            lambda future: through_an_async_generator(asyncio.wait({future})),
            lambda future: anext(by_steps(asyncio.wait({future})), None),
            lambda future: asyncio.gather(future),
            lambda future: asyncio.shield(future),
            lambda future: asyncio.wait_for(future, None),
            lambda future: in_a_task(just(future)),
        ]

        async def call(way, future):
            return await way(future)

        async def main():
            loop = asyncio.get_running_loop()
            pending, done, ready = loop.create_future(), loop.create_future(), asyncio.ensure_future(asyncio.sleep(0))
            done.set_result(None)
            await ready
            refused = 0
            for number, way in enumerate(ways):
                for future in (pending, done, ready):
                    say(number, future)  # where it hung, if it does
                    try:
                        simul.run(call(way, future))
                    except* simul.NestedLoopError:
                        refused += 1
                    except* ValueError:
                        # From Python 3.14 on gather itself refuses a future of another loop.
                        assert number == 9
                    else:
                        assert future.done() and number > 8, number
            say("refused", refused)
            # What can end without the loop beneath is left alone.
            first = lambda future: asyncio.wait({future, of_its_own()}, return_when="FIRST_COMPLETED")
            for finished, left in (
                simul.run(asyncio.wait({pending}, timeout=0.001)),
                simul.run(call(first, pending)),
            ):
                assert left == {pending} and pending not in finished
            pending.set_result(None)
            await asyncio.wait({pending, done, ready})
            await asyncio.sleep(0)

        run(main(), arguments[0])
        say("over")
        """,
        loop_kind,
    )


def test_the_current_task_and_loop_are_back_after_a_nested_call(run):
    async def inner():
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    async def main():
        task, loop, hooks = asyncio.current_task(), asyncio.get_running_loop(), sys.get_asyncgen_hooks()
        side = simul.run(inner())
        assert side is not loop
        assert (asyncio.current_task(), asyncio.get_running_loop()) == (task, loop)
        assert sys.get_asyncgen_hooks() == hooks
        await asyncio.sleep(0)
        return simul.run(inner()) is side

    assert run(main)


def test_a_depth_of_sixty_on_one_thread(run):
    async def down(depth):
        await asyncio.sleep(0)
        return simul.run(down(depth - 1)) + 1 if depth else 0

    async def main():
        return simul.run(down(60))

    assert run(main) == 60
    assert simul.run(down(60)) == 60


def test_a_timeout_cancels_and_lets_finally_run(run):
    ended = []

    async def forever():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(1)

    async def main():
        with pytest.raises(simul.TimeoutError):
            simul.run(forever(), timeout=0.01)

    run(main)
    with pytest.raises(simul.TimeoutError):
        simul.run(forever(), timeout=0.01)
    assert ended == [1, 1]


def test_nothing_of_asyncio_is_changed(child):
    child(
        """
        import asyncio.runners, asyncio.tasks, asyncio.events
        before = {(module.__name__, name): value for module in (asyncio, asyncio.tasks, asyncio.events, asyncio.runners)
                  for name, value in vars(module).items() if callable(value)}
        methods = {name: value for name, value in vars(asyncio.BaseEventLoop).items()}
        import simul
        async def inner():
            await asyncio.sleep(0)
        async def main():
            simul.run(inner())
        simul.run(inner())
        asyncio.run(main())
        for (module, name), value in before.items():
            assert getattr(sys.modules[module], name) is value, name
        assert methods == dict(vars(asyncio.BaseEventLoop))
        assert asyncio._get_running_loop() is None
        assert tuple(sys.get_asyncgen_hooks()) == (None, None)
        """
    )
