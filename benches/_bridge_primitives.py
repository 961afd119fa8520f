"""The primitives of `bridge.py` with nobody else about: locks, permits, queues, events, one flight."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from itertools import repeat
from typing import Any

import simul
from _stage import Case, Run, Stage

Maker = Callable[[Stage], Any]


def of(module: str, name: str, *arguments: object) -> Maker:
    """Makes a thing by the name of its type: a module or a type that is not there leaves the case out."""

    def make(_: Stage) -> Any:
        return getattr(import_module(module), name)(*arguments)

    return make


def on_the_loop(module: str, name: str, *arguments: object) -> Maker:
    """As `of`, where the constructor wants a running loop."""

    def make(stage: Stage) -> Any:
        async def made() -> Any:
            return of(module, name, *arguments)(stage)

        thing = stage.runner.run(made())
        if module == "janus":

            async def close() -> None:
                await thing.aclose()

            stage.closing.callback(lambda: stage.runner.run(close()))
        return thing

    return make


def entered(group: str, things: dict[str, Maker]) -> Iterator[Case]:
    """`with thing: pass` in a plain function."""

    def case(make: Maker) -> Callable[[Stage], Run]:
        def made(stage: Stage) -> Run:
            thing = make(stage)

            def run(calls: int) -> None:
                for _ in repeat(None, calls):
                    with thing:
                        pass

            return run

        return made

    for name, make in things.items():
        yield Case(group, name, case(make))


def entered_async(group: str, things: dict[str, Maker]) -> Iterator[Case]:
    """`async with thing: pass` in one task."""

    def case(make: Maker) -> Callable[[Stage], Run]:
        def made(stage: Stage) -> Run:
            thing = make(stage)

            async def main(calls: int) -> None:
                for _ in repeat(None, calls):
                    async with thing:
                        pass

            return stage.on_loop(main)

        return made

    for name, make in things.items():
        yield Case(group, name, case(make))


def locks() -> Iterator[Case]:
    aiologic = {kind: of("aiologic", kind) for kind in ("Lock", "RLock")}
    for kind in ("Lock", "RLock"):
        yield from entered(
            f"{kind}, with",
            {
                f"simul.{kind}": of("simul", kind),
                f"threading.{kind}": of("threading", kind),
                f"aiologic.{kind}": aiologic[kind],
            },
        )
    yield from entered_async(
        "Lock, async with",
        {
            "simul.Lock": of("simul", "Lock"),
            "asyncio.Lock, one loop only": of("asyncio", "Lock"),
            "aiologic.Lock": aiologic["Lock"],
            "anyio.Lock, one loop only": on_the_loop("anyio", "Lock"),
        },
    )
    yield from entered(
        "Semaphore, with",
        {
            "simul.Semaphore": of("simul", "Semaphore", 2),
            "threading.Semaphore": of("threading", "Semaphore", 2),
            "aiologic.Semaphore": of("aiologic", "Semaphore", 2),
        },
    )
    yield from entered_async(
        "Semaphore, async with",
        {
            "simul.Semaphore": of("simul", "Semaphore", 2),
            "asyncio.Semaphore, one loop only": of("asyncio", "Semaphore", 2),
            "aiologic.Semaphore": of("aiologic", "Semaphore", 2),
            "anyio.Semaphore, one loop only": on_the_loop("anyio", "Semaphore", 2),
        },
    )
    yield from entered_async(
        "CapacityLimiter, async with",
        {
            "simul.CapacityLimiter": of("simul", "CapacityLimiter", 2),
            "aiologic.CapacityLimiter": of("aiologic", "CapacityLimiter", 2),
            "anyio.CapacityLimiter, one loop only": on_the_loop("anyio", "CapacityLimiter", 2),
        },
    )


def queues() -> Iterator[Case]:
    def awaited(make: Maker, put: str = "put", get: str = "get") -> Callable[[Stage], Run]:
        def made(stage: Stage) -> Run:
            thing = make(stage)
            put_one, get_one = getattr(thing, put), getattr(thing, get)

            async def main(calls: int) -> None:
                for _ in repeat(None, calls):
                    await put_one(1)
                    await get_one()

            return stage.on_loop(main)

        return made

    def called(make: Maker, put: str = "put", get: str = "get") -> Callable[[Stage], Run]:
        def made(stage: Stage) -> Run:
            thing = make(stage)
            put_one, get_one = getattr(thing, put), getattr(thing, get)

            def run(calls: int) -> None:
                for _ in repeat(None, calls):
                    put_one(1)
                    get_one()

            return run

        return made

    def waited(stage: Stage) -> Run:
        thing = of("simul", "Queue")(stage)

        def run(calls: int) -> None:
            for _ in repeat(None, calls):
                thing.put(1).wait()
                thing.get().wait()

        return run

    def view(side: str) -> Maker:
        return lambda stage: getattr(on_the_loop("janus", "Queue")(stage), side)

    culsans, aiologic = of("culsans", "Queue"), of("aiologic", "Queue")
    group = "Queue, put then get, awaited"
    yield Case(group, "simul.Queue", awaited(of("simul", "Queue")))
    yield Case(group, "asyncio.Queue, one loop only", awaited(of("asyncio", "Queue")))
    yield Case(group, "aiologic.Queue", awaited(aiologic, "async_put", "async_get"))
    yield Case(group, "culsans.Queue", awaited(culsans, "async_put", "async_get"))
    yield Case(group, "janus.Queue, one loop only", awaited(view("async_q")))
    group = "Queue, put then get, plain"
    yield Case(group, "simul.Queue", waited)
    yield Case(group, "queue.Queue", called(lambda _: queue.Queue()))
    yield Case(group, "aiologic.Queue", called(aiologic, "green_put", "green_get"))
    yield Case(group, "culsans.Queue", called(culsans, "sync_put", "sync_get"))
    yield Case(group, "janus.Queue", called(view("sync_q")))
    group = "Queue, put_nowait then get_nowait"
    yield Case(group, "simul.Queue", called(of("simul", "Queue"), "put_nowait", "get_nowait"))
    yield Case(group, "asyncio.Queue", called(of("asyncio", "Queue"), "put_nowait", "get_nowait"))
    yield Case(group, "queue.Queue", called(lambda _: queue.Queue(), "put_nowait", "get_nowait"))
    yield Case(group, "culsans.Queue", called(culsans, "put_nowait", "get_nowait"))


def events() -> Iterator[Case]:
    def awaited(make: Maker, wait: Callable[[Any], Callable[[], Awaitable[object]]]) -> Callable[[Stage], Run]:
        def made(stage: Stage) -> Run:
            event = make(stage)
            wait_once = wait(event)

            async def main(calls: int) -> None:
                for _ in repeat(None, calls):
                    event.set()
                    await wait_once()
                    event.clear()

            return stage.on_loop(main)

        return made

    def plain(make: Maker, wait: Callable[[Any], Callable[[], object]]) -> Callable[[Stage], Run]:
        def made(stage: Stage) -> Run:
            event = make(stage)
            wait_once = wait(event)

            def run(calls: int) -> None:
                for _ in repeat(None, calls):
                    event.set()
                    wait_once()
                    event.clear()

            return run

        return made

    group = "Event, set, wait, clear, awaited"
    yield Case(group, "simul.Event", awaited(of("simul", "Event"), lambda event: event.wait))
    yield Case(group, "asyncio.Event, one loop only", awaited(of("asyncio", "Event"), lambda event: event.wait))
    yield Case(group, "aiologic.REvent", awaited(of("aiologic", "REvent"), lambda event: lambda: event))
    group = "Event, set, wait, clear, plain"
    yield Case(group, "simul.Event", plain(of("simul", "Event"), lambda event: lambda: event.wait().wait()))
    yield Case(group, "threading.Event", plain(lambda _: threading.Event(), lambda event: event.wait))
    yield Case(group, "aiologic.REvent", plain(of("aiologic", "REvent"), lambda event: event.wait))


def flights() -> Iterator[Case]:
    async def load() -> int:
        return 1

    async def slow_load() -> int:
        await asyncio.sleep(0)
        return 1

    def alone(make: Maker) -> Callable[[Stage], Run]:
        def made(stage: Stage) -> Run:
            lock = make(stage)
            return stage.awaited(lambda: lock.run_once(load))

        return made

    def together(make: Maker, callers: int = 16) -> Callable[[Stage], Run]:
        def made(stage: Stage) -> Run:
            lock = make(stage)

            async def main(calls: int) -> None:
                for _ in repeat(None, calls // callers):
                    await asyncio.gather(*[lock.run_once(slow_load) for _ in range(callers)])

            return stage.on_loop(main)

        return made

    genro = of("genro_toolbox", "SmartLock")
    for group, case in (("SmartLock.run_once, alone", alone), ("SmartLock.run_once, 16 at once, a caller", together)):
        yield Case(group, "simul.SmartLock", case(lambda _: simul.SmartLock()))
        yield Case(group, "genro SmartLock, one loop only", case(genro))


def cases() -> Iterator[Case]:
    yield from locks()
    yield from queues()
    yield from events()
    yield from flights()
