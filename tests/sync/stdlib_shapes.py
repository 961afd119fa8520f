"""simul's primitives in the shapes of the standard library's, so that CPython's own tests can be run against them.

Only signatures are bent here: `acquire(blocking, timeout)` for threading and queue, the names that CPython's tests read
inside of asyncio's. What a call does is simul's.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import types
from _thread import TIMEOUT_MAX
from collections.abc import Callable
from typing import Any

import simul


def _limit(timeout: float | None) -> float | None:
    """A timeout as threading means it: -1 and None for ever, others within its bounds."""
    if timeout is None or timeout == -1:
        return None
    if timeout < 0:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > TIMEOUT_MAX:
        raise OverflowError("timestamp too large to convert to C PyTime_t")
    return timeout


def _waited(call: Callable[[], Any], timeout: float | None = None) -> Any:
    """What a call on a primitive returns, or False when its time is up."""
    limit = _limit(timeout)
    try:
        return call().wait(limit)
    except simul.TimeoutError:
        return False


class Shape:
    """Holds one of simul's objects and hands on what is not bent."""

    of: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # A Condition is given a lock.
        args = tuple(given.inner if isinstance(given, Shape) else given for given in args)
        kwargs = {name: given.inner if isinstance(given, Shape) else given for name, given in kwargs.items()}
        self.inner = getattr(simul, self.of)(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["inner"], name)


class Acquired(Shape):
    """threading's acquire, and `with`."""

    def acquire(self, blocking: bool = True, timeout: float | None = -1) -> bool:  # noqa: FBT001, FBT002
        if not blocking:
            if timeout not in (None, -1):
                raise ValueError("can't specify a timeout for a non-blocking call")
            return self.inner.acquire_nowait()
        return _waited(self.inner.acquire, timeout)

    def release(self, n: int = 1) -> None:
        for _ in range(n):
            self.inner.release()

    def __enter__(self) -> Any:
        return self.inner.__enter__()

    def __exit__(self, *raised: object) -> None:
        self.inner.__exit__(*raised)


class ThreadingEvent(Shape):
    of = "Event"

    def wait(self, timeout: float | None = None) -> bool:
        return _waited(self.inner.wait, timeout)


class ThreadingCondition(Acquired):
    of = "Condition"

    def wait(self, timeout: float | None = None) -> bool:
        return _waited(self.inner.wait, timeout)

    def wait_for(self, predicate: Any, timeout: float | None = None) -> Any:
        return _waited(lambda: self.inner.wait_for(predicate), timeout)


class ThreadingBarrier(Shape):
    """A wait whose time is up breaks the barrier, as threading's does."""

    of = "Barrier"

    def __init__(self, parties: int, action: None = None, timeout: float | None = None) -> None:
        assert action is None
        super().__init__(parties)
        self.timeout = timeout

    def wait(self, timeout: float | None = None) -> int:
        try:
            return self.inner.wait().wait(self.timeout if timeout is None else timeout)
        except simul.TimeoutError:
            self.inner.abort().wait()
            raise threading.BrokenBarrierError from None
        except asyncio.BrokenBarrierError:
            raise threading.BrokenBarrierError from None

    def abort(self) -> None:
        self.inner.abort().wait()

    def reset(self) -> None:
        self.inner.reset().wait()


def threading_type(name: str) -> type[Acquired]:
    """One of simul's types with threading's signatures."""
    return type(name, (Acquired,), {"of": name})


class Queue(Shape):
    """queue's put and get."""

    of = "Queue"
    # From 3.13 on, queue's tests read these.
    unfinished_tasks = property(lambda self: self.inner.statistics()["unfinished"])
    is_shutdown = property(lambda self: self.inner.statistics()["shut_down"])

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002
        if not block:
            self.inner.put_nowait(item)
        elif timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        else:
            with _instead(queue.Full):
                self.inner.put(item).wait(timeout)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002
        if not block:
            return self.inner.get_nowait()
        if timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        with _instead(queue.Empty):
            return self.inner.get().wait(timeout)

    def join(self) -> None:
        self.inner.join().wait()


class LifoQueue(Queue):
    of = "LifoQueue"


class PriorityQueue(Queue):
    of = "PriorityQueue"


@contextlib.contextmanager
def _instead(error: type[Exception]) -> Any:
    """Raise queue's error where the time is up."""
    try:
        yield
    except simul.TimeoutError:
        raise error from None


def queue_module() -> types.SimpleNamespace:
    """What `queue` offers to its tests."""
    names = {name: getattr(queue, name) for name in ("Full", "Empty", "ShutDown") if hasattr(queue, name)}
    return types.SimpleNamespace(Queue=Queue, LifoQueue=LifoQueue, PriorityQueue=PriorityQueue, **names)


class Looked(Shape):
    """asyncio's tests look at the insides: how many wait, what the value is."""

    @property
    def _waiters(self) -> list[None]:
        return [None] * self.inner.statistics()["waiting"]

    _value = property(lambda self: self.inner.statistics()["value"])
    _getters = property(lambda self: [None] * self.inner.statistics()["waiting_to_get"])
    _putters = property(lambda self: [None] * self.inner.statistics()["waiting_to_put"])

    async def __aenter__(self) -> Any:
        return await self.inner.__aenter__()

    async def __aexit__(self, *raised: object) -> Any:
        return await self.inner.__aexit__(*raised)


def asyncio_type(name: str) -> type[Looked]:
    """One of simul's types, with the insides that asyncio's tests read."""
    return type(name, (Looked,), {"of": name})


class AsyncioModule:
    """asyncio, with simul's primitives in the place of its own."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.__dict__.update({name: asyncio_type(name) for name in names})

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)
