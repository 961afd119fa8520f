"""Where the cases of `bridge.py` run: one loop that is kept, ways to repeat a call, and what must be closed at the end."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import os
import traceback
from collections.abc import Awaitable, Callable
from itertools import repeat

from _rounds import new_loop

Run = Callable[[int], object]
"""Makes that many calls."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One way to do what its group says. `make` may raise ImportError or AttributeError: then it is left out."""

    group: str
    name: str
    make: Callable[[Stage], Run]


class Stage:
    """What a case is made on. Loops are of one kind, and the runner keeps its loop from call to call."""

    def __init__(self, loop_kind: str, closing: contextlib.ExitStack) -> None:
        self.new_loop = new_loop(loop_kind)
        self.closing = closing
        self.runner = closing.enter_context(asyncio.Runner(loop_factory=self.new_loop))

    def called(self, call: Callable[[], object]) -> Run:
        """Call it, one after the other, from plain code. It must return 1, or it did not run."""
        assert call() == 1

        def run(calls: int) -> None:
            for _ in repeat(None, calls):
                call()

        return run

    def nested(self, call: Callable[[], object]) -> Run:
        """Call it from a plain function that a task of a running loop has called."""
        run = self.called(call)

        async def in_task(calls: int) -> None:
            run(calls)

        return lambda calls: self.runner.run(in_task(calls))

    def awaited(self, call: Callable[[], Awaitable[object]], in_flight: int = 1) -> Run:
        """Await it, one after the other, in each of that many tasks of one loop."""

        async def one(calls: int) -> None:
            for _ in repeat(None, calls):
                await call()

        async def main(calls: int) -> None:
            if in_flight == 1:
                await one(calls)
            else:
                await asyncio.gather(*[one(calls // in_flight) for _ in range(in_flight)])

        async def check() -> None:
            assert await call() == 1

        self.runner.run(check())
        return lambda calls: self.runner.run(main(calls))

    def on_loop(self, main: Callable[[int], Awaitable[object]]) -> Run:
        """Run a function that makes the calls itself, in what it returns to await."""

        async def run(calls: int) -> None:
            await main(calls)

        return lambda calls: self.runner.run(run(calls))

    def in_two_threads(self, one: Run, other: Run) -> Run:
        """Run both at once, each in a thread that is kept; the calls are counted once."""
        pools = [self.closing.enter_context(concurrent.futures.ThreadPoolExecutor(1)) for _ in range(2)]

        def run(calls: int) -> None:
            sides = [pool.submit(each, calls) for pool, each in zip(pools, (one, other), strict=True)]
            concurrent.futures.wait(sides, return_when=concurrent.futures.FIRST_EXCEPTION)
            for side in sides:
                if side.done() and side.exception() is not None:
                    traceback.print_exception(side.exception())
                    os._exit(1)  # the other side waits for it for ever

        return run

    def on_own_loop(self, main: Callable[[int], Awaitable[object]]) -> Run:
        """As on_loop, on another loop that is kept: for a thread of its own."""
        runner = asyncio.Runner(loop_factory=self.new_loop)
        self.closing.callback(runner.close)

        async def run(calls: int) -> None:
            await main(calls)

        return lambda calls: runner.run(run(calls))
