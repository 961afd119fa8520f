"""The hand-offs of `bridge.py`: two threads, two loops, a loop and a thread that wait for each other; a lock that is wanted."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from itertools import repeat
from typing import Any

from _bridge_primitives import Maker, of
from _stage import Case, Run, Stage

# A side of a game of ping-pong: how it gives the ball away, and how it waits for it.
Give = Callable[[], object]
Take = Callable[[], Any]


def sync_player(give: Give, take: Take, *, serves: bool) -> Run:
    def play(calls: int) -> None:
        for _ in repeat(None, calls // 2):
            if serves:
                give()
                take()
            else:
                take()
                give()

    return play


def async_player(
    give: Give, take: Callable[[], Awaitable[object]], *, serves: bool
) -> Callable[[int], Awaitable[None]]:
    async def play(calls: int) -> None:
        for _ in repeat(None, calls // 2):
            if serves:
                give()
                await take()
            else:
                await take()
                give()

    return play


def two_threads(make: Maker, give: Callable[[Any], Give], take: Callable[[Any], Take]) -> Callable[[Stage], Run]:
    def made(stage: Stage) -> Run:
        ping, pong = make(stage), make(stage)
        return stage.in_two_threads(
            sync_player(give(ping), take(pong), serves=True), sync_player(give(pong), take(ping), serves=False)
        )

    return made


def two_loops(make: Maker, give: Callable[[Any], Give], take: Callable[[Any], Take]) -> Callable[[Stage], Run]:
    def made(stage: Stage) -> Run:
        ping, pong = make(stage), make(stage)
        return stage.in_two_threads(
            stage.on_own_loop(async_player(give(ping), take(pong), serves=True)),
            stage.on_own_loop(async_player(give(pong), take(ping), serves=False)),
        )

    return made


def loop_and_thread(
    make: Maker,
    give: Callable[[Any], Give],
    take: Callable[[Any], Take],
    give_async: Callable[[Any], Give],
    take_async: Callable[[Any], Take],
) -> Callable[[Stage], Run]:
    def made(stage: Stage) -> Run:
        ping, pong = make(stage), make(stage)
        loop_side = stage.on_own_loop(async_player(give_async(ping), take_async(pong), serves=True))
        thread_side = sync_player(give(pong), take(ping), serves=False)

        return stage.in_two_threads(loop_side, thread_side)

    return made


class LoopMailbox:
    """The least that asyncio itself has: a queue of the other loop, filled through call_soon_threadsafe."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.ready = threading.Event()
        self.balls: asyncio.Queue[int] = asyncio.Queue()

    def give(self) -> None:
        self.ready.wait()
        self.loop.call_soon_threadsafe(self.balls.put_nowait, 1)

    async def take(self) -> None:
        if self.loop is None:
            self.loop = asyncio.get_running_loop()
            self.ready.set()
        await self.balls.get()


def ping_pong() -> Iterator[Case]:
    semaphore, fifo = of("simul", "Semaphore", 0), of("simul", "Queue")
    their_semaphore, their_queue, culsans = (
        of("aiologic", "Semaphore", 0),
        of("aiologic", "Queue"),
        of("culsans", "Queue"),
    )

    def release(thing: Any) -> Give:
        return thing.release

    def put(thing: Any) -> Give:
        return lambda: thing.put_nowait(1)

    group = "hand-off, two threads"
    yield Case(group, "simul.Semaphore", two_threads(semaphore, release, lambda thing: lambda: thing.acquire().wait()))
    yield Case(group, "simul.Queue", two_threads(fifo, put, lambda thing: lambda: thing.get().wait()))
    yield Case(
        group, "aiologic.Semaphore", two_threads(their_semaphore, lambda s: s.green_release, lambda s: s.green_acquire)
    )
    yield Case(
        group, "aiologic.Queue", two_threads(their_queue, lambda q: lambda: q.green_put(1), lambda q: q.green_get)
    )
    yield Case(group, "culsans.Queue", two_threads(culsans, lambda q: lambda: q.sync_put(1), lambda q: q.sync_get))
    yield Case(
        group, "threading.Semaphore", two_threads(lambda _: threading.Semaphore(0), release, lambda s: s.acquire)
    )
    yield Case(group, "queue.Queue", two_threads(lambda _: queue.Queue(), put, lambda q: q.get))
    yield Case(group, "queue.SimpleQueue", two_threads(lambda _: queue.SimpleQueue(), put, lambda q: q.get))

    group = "hand-off, two loops"
    yield Case(group, "simul.Semaphore", two_loops(semaphore, release, lambda thing: thing.acquire))
    yield Case(group, "simul.Queue", two_loops(fifo, put, lambda thing: thing.get))
    yield Case(
        group, "aiologic.Semaphore", two_loops(their_semaphore, lambda s: s.async_release, lambda s: s.async_acquire)
    )
    yield Case(group, "culsans.Queue", two_loops(culsans, put, lambda q: q.async_get))
    yield Case(group, "call_soon_threadsafe", two_loops(lambda _: LoopMailbox(), lambda m: m.give, lambda m: m.take))

    group = "hand-off, a loop and a thread"
    acquire_wait, get_wait = lambda s: lambda: s.acquire().wait(), lambda q: lambda: q.get().wait()
    yield Case(
        group, "simul.Semaphore", loop_and_thread(semaphore, release, acquire_wait, release, lambda s: s.acquire)
    )
    yield Case(group, "simul.Queue", loop_and_thread(fifo, put, get_wait, put, lambda q: q.get))
    yield Case(
        group,
        "aiologic.Semaphore",
        loop_and_thread(
            their_semaphore,
            lambda s: s.green_release,
            lambda s: s.green_acquire,
            lambda s: s.async_release,
            lambda s: s.async_acquire,
        ),
    )
    yield Case(group, "culsans.Queue", loop_and_thread(culsans, put, lambda q: q.sync_get, put, lambda q: q.async_get))
    yield Case(
        group,
        "janus.Queue",
        loop_and_thread(
            of("janus", "Queue"),
            lambda q: lambda: q.sync_q.put(1),
            lambda q: q.sync_q.get,
            lambda q: lambda: q.async_q.put_nowait(1),
            lambda q: q.async_q.get,
        ),
    )


def wanted_locks() -> Iterator[Case]:
    def threads(make: Maker) -> Callable[[Stage], Run]:
        def made(stage: Stage) -> Run:
            lock = make(stage)

            def turns(calls: int) -> None:
                for _ in repeat(None, calls // 2):
                    with lock:
                        pass

            return stage.in_two_threads(turns, turns)

        return made

    def tasks(make: Maker, width: int = 8) -> Callable[[Stage], Run]:
        def made(stage: Stage) -> Run:
            lock = make(stage)

            async def turns(calls: int) -> None:
                for _ in repeat(None, calls):
                    async with lock:
                        await asyncio.sleep(0)

            async def main(calls: int) -> None:
                await asyncio.gather(*[turns(calls // width) for _ in range(width)])

            return stage.on_loop(main)

        return made

    def loops(make: Maker) -> Callable[[Stage], Run]:
        def made(stage: Stage) -> Run:
            lock = make(stage)

            async def turns(calls: int) -> None:
                for _ in repeat(None, calls // 2):
                    async with lock:
                        await asyncio.sleep(0)

            return stage.in_two_threads(stage.on_own_loop(turns), stage.on_own_loop(turns))

        return made

    ours, theirs = of("simul", "Lock"), of("aiologic", "Lock")
    group = "Lock that two threads want"
    yield Case(group, "simul.Lock", threads(ours))
    yield Case(group, "aiologic.Lock", threads(theirs))
    yield Case(group, "threading.Lock, no order", threads(of("threading", "Lock")))
    group = "Lock that 8 tasks of a loop want, held over a turn"
    yield Case(group, "simul.Lock", tasks(ours))
    yield Case(group, "aiologic.Lock", tasks(theirs))
    yield Case(group, "asyncio.Lock, one loop only", tasks(of("asyncio", "Lock")))
    group = "Lock that tasks of two loops want, held over a turn"
    yield Case(group, "simul.Lock", loops(ours))
    yield Case(group, "aiologic.Lock", loops(theirs))


def cases() -> Iterator[Case]:
    yield from ping_pong()
    yield from wanted_locks()
