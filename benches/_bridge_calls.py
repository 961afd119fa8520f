"""The calls of `bridge.py`: plain code into a coroutine, a coroutine into a thread, that thread back to its loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import json
import pathlib
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator

import simul
from _rounds import Sample
from _stage import Case, Run, Stage


async def trivial() -> int:
    return 1


async def suspending() -> int:
    await asyncio.sleep(0)
    return 1


def nothing() -> int:
    return 1


def bare_send() -> object:
    try:
        trivial().send(None)
    except StopIteration as end:
        return end.value


def callers(function: Callable[[], Awaitable[int]]) -> dict[str, Callable[[Stage], Callable[[], object]]]:
    """Ways to call a coroutine function from plain code, with no loop running."""

    def genro(_: Stage) -> Callable[[], object]:
        import genro_toolbox

        return genro_toolbox.smartasync(function)

    def runner(stage: Stage) -> Callable[[], object]:
        kept = stage.closing.enter_context(asyncio.Runner(loop_factory=stage.new_loop))
        return lambda: kept.run(function())

    def synchronicity(_: Stage) -> Callable[[], object]:
        import synchronicity

        return synchronicity.Synchronizer().wrap(function)

    def portal(stage: Stage) -> Callable[[], object]:
        import anyio.from_thread

        kept = stage.closing.enter_context(anyio.from_thread.start_blocking_portal())
        return lambda: kept.call(function)

    def asgiref(_: Stage) -> Callable[[], object]:
        import asgiref.sync

        return asgiref.sync.async_to_sync(function)

    def asyncer(_: Stage) -> Callable[[], object]:
        import asyncer

        return asyncer.syncify(function, raise_sync_error=False)

    def universalasync(_: Stage) -> Callable[[], object]:
        import universalasync

        return universalasync.async_to_sync_wraps(function)

    return {
        "simul.smartasync": lambda _: simul.smartasync(function),
        "simul.run": lambda _: functools.partial(run_made, simul.run, function),
        "simul.async_handler": lambda _: simul.async_handler(function),
        "genro smartasync": genro,
        "asyncio.Runner.run, kept": runner,
        "asyncio.run": lambda _: lambda: asyncio.run(function()),
        "synchronicity": synchronicity,
        "anyio portal, kept": portal,
        "asgiref async_to_sync": asgiref,
        "asyncer syncify": asyncer,
        "universalasync": universalasync,
    }


def run_made(run: Callable[[Awaitable[int]], int], function: Callable[[], Awaitable[int]]) -> int:
    return run(function())


def sync_calls() -> Iterator[Case]:
    for group, function in (
        ("sync call of a trivial coroutine", trivial),
        ("sync call of a coroutine that suspends once", suspending),
    ):
        for name, make in callers(function).items():
            yield Case(group, name, lambda stage, make=make: stage.called(make(stage)))
        if function is trivial:
            yield Case(group, "a bare send, no loop", lambda stage: stage.called(bare_send))


def nested_calls() -> Iterator[Case]:
    for what, function in (("trivial", trivial), ("suspending once", suspending)):
        group = f"sync call under a running loop, {what}"

        def handler(stage: Stage, function=function) -> Run:
            return stage.nested(simul.async_handler(function))

        def in_thread(stage: Stage, function=function) -> Run:
            pool = stage.closing.enter_context(concurrent.futures.ThreadPoolExecutor(1))
            runner = asyncio.Runner(loop_factory=stage.new_loop)
            stage.closing.callback(lambda: pool.submit(runner.close).result())
            return stage.nested(lambda: pool.submit(lambda: runner.run(function())).result())

        def synchronicity(stage: Stage, function=function) -> Run:
            return stage.nested(callers(function)["synchronicity"](stage))

        yield Case(group, "simul.async_handler", handler)
        yield Case(group, "nest_asyncio, own process", functools.partial(nest_asyncio, what=what))
        yield Case(group, "Runner.run, kept, in a thread", in_thread)
        yield Case(group, "synchronicity", synchronicity)


class Patched:
    """nest_asyncio changes asyncio for its whole process, so it is measured in one of its own, which this talks to."""

    def __init__(self, what: str) -> None:
        command = [sys.executable, str(pathlib.Path(__file__).with_name("bridge.py")), "--nest-asyncio", what]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def sample(self, calls: int) -> Sample:
        self.process.stdin.write(f"{calls}\n")
        self.process.stdin.flush()
        return Sample(**json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        self.process.communicate("")


def nest_asyncio(stage: Stage, what: str) -> Run:
    if stage.new_loop is not asyncio.new_event_loop:
        raise ImportError("nest_asyncio knows no other loop than asyncio's")
    __import__("nest_asyncio")
    patched = Patched(what)
    stage.closing.callback(patched.close)
    return patched.sample


def patched_by_nest_asyncio(what: str, timed: Callable[[Callable[[], object], int], Sample]) -> None:
    """The process that `Patched` starts: a line with a number in, a line with a sample out."""
    import nest_asyncio

    nest_asyncio.apply()
    function = {"trivial": trivial, "suspending once": suspending}[what]

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def run(calls: int) -> None:
            for _ in range(calls):
                loop.run_until_complete(function())

        for line in sys.stdin:
            calls = int(line)
            sample = timed(lambda calls=calls: run(calls), calls)
            print(json.dumps({"wall_us": sample.wall_us, "cpu_us": sample.cpu_us}), flush=True)

    asyncio.run(main())


def into_threads() -> Iterator[Case]:
    def genro() -> Callable[[], Awaitable[int]]:
        import genro_toolbox

        return genro_toolbox.smartasync(nothing)

    def asgiref(*, thread_sensitive: bool) -> Callable[[], Awaitable[int]]:
        import asgiref.sync

        return asgiref.sync.sync_to_async(nothing, thread_sensitive=thread_sensitive)

    def anyio() -> Callable[[], Awaitable[int]]:
        import anyio.to_thread

        return lambda: anyio.to_thread.run_sync(nothing)

    def to_thread() -> Callable[[], Awaitable[int]]:
        simul_to_thread = simul.to_thread
        return lambda: simul_to_thread(nothing)

    ways: dict[str, Callable[[], Callable[[], Awaitable[int]]]] = {
        "simul.to_thread": to_thread,
        "simul.smartasync, plain function": lambda: simul.smartasync(nothing),
        "genro smartasync": genro,
        "asgiref sync_to_async": lambda: asgiref(thread_sensitive=True),
        "asgiref, not thread-sensitive": lambda: asgiref(thread_sensitive=False),
        "anyio.to_thread.run_sync": anyio,
        "asyncio.to_thread": lambda: lambda: asyncio.to_thread(nothing),
        "loop.run_in_executor": lambda: lambda: asyncio.get_running_loop().run_in_executor(None, nothing),
    }
    for width in (1, 16):
        group = "async to thread" + (f", {width} in flight" if width > 1 else ", one at a time")
        for name, way in ways.items():
            yield Case(group, name, lambda stage, way=way, width=width: stage.awaited(way(), width))


def back_to_the_loop() -> Iterator[Case]:
    group = "from a worker back to its loop"

    def simul_run(stage: Stage) -> Run:
        from simul import from_thread

        simul_to_thread = simul.to_thread
        return stage.on_loop(lambda calls: simul_to_thread(repeat_call, lambda: from_thread.run(trivial), calls))

    def simul_smartasync(stage: Stage) -> Run:
        simul_to_thread, bridged = simul.to_thread, simul.smartasync(trivial)
        return stage.on_loop(lambda calls: simul_to_thread(repeat_call, bridged, calls))

    def anyio(stage: Stage) -> Run:
        from anyio import from_thread, to_thread

        return stage.on_loop(lambda calls: to_thread.run_sync(repeat_call, lambda: from_thread.run(trivial), calls))

    def asgiref(stage: Stage) -> Run:
        from asgiref.sync import async_to_sync, sync_to_async

        return stage.on_loop(lambda calls: sync_to_async(repeat_call)(async_to_sync(trivial), calls))

    def threadsafe(stage: Stage) -> Run:
        async def main(calls: int) -> None:
            loop = asyncio.get_running_loop()
            back = lambda: asyncio.run_coroutine_threadsafe(trivial(), loop).result()  # noqa: E731
            await asyncio.to_thread(repeat_call, back, calls)

        return stage.on_loop(main)

    yield Case(group, "simul.from_thread.run", simul_run)
    yield Case(group, "simul.smartasync in a worker", simul_smartasync)
    yield Case(group, "anyio.from_thread.run", anyio)
    yield Case(group, "asgiref async_to_sync", asgiref)
    yield Case(group, "run_coroutine_threadsafe", threadsafe)


def repeat_call(call: Callable[[], int], calls: int) -> None:
    assert call() == 1
    for _ in range(calls - 1):
        call()


def cases() -> Iterator[Case]:
    yield from sync_calls()
    yield from nested_calls()
    yield from into_threads()
    yield from back_to_the_loop()
