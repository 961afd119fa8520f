"""Condition: give a lock up, wait to be told, take it again."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from simul._simul import Lock, RLock, _Condition, _Operation  # pyright: ignore[reportPrivateUsage]
from simul.errors import TimeoutError as SimulTimeoutError
from simul.sync.staged import Staged

_T = TypeVar("_T")


class _OfLock:
    """A method of the condition's lock, found by `with` itself.

    A method of ours around it would have steps of its own, and Ctrl-C between two of them would leave the lock held.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, condition: Condition | None, owner: object = None) -> Any:
        return self if condition is None else getattr(condition._lock, self._name)  # pyright: ignore[reportPrivateUsage]

    def __call__(self, condition: Condition, *raised: object) -> Any:
        # contextlib's stacks ask the class.
        return self.__get__(condition)(*raised)


class Condition:
    """Wait until something holds, and be told when it may; for any number of threads and event loops.

    Args:
        lock: The Lock or RLock that guards what is waited for; None makes a Lock.

    Raises:
        TypeError: ``lock`` is something else.

    Cancellation:
        A wait that is cancelled, or whose time is up, has the lock again before it raises, however long that takes; so
        does one that Ctrl-C interrupts. If it had been told already, the next is told.

    Threads and loops:
        ``async with`` and ``await`` in a coroutine, ``with`` and ``.wait(timeout=None)`` anywhere else. Inside of a
        running loop the latter stalls that loop, and warns. In a forked child nobody waits.

    Example:
        >>> import simul, threading
        >>> condition, items = simul.Condition(), []
        >>> def produce():
        ...     with condition:
        ...         items.append("item")
        ...         condition.notify()
        >>> threading.Thread(target=produce).start()
        >>> with condition:
        ...     condition.wait_for(lambda: items).wait()
        ['item']
    """

    __slots__ = ("__weakref__", "_lock", "_lost", "_waiting")

    def __init__(self, lock: Lock | RLock | None = None) -> None:
        if lock is None:
            lock = Lock()
        elif not isinstance(lock, Lock | RLock):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"a Condition needs a simul.Lock or simul.RLock, not {type(lock).__name__}")
        self._lock = lock
        self._waiting = _Condition()
        # Threads on which a waiting coroutine was destroyed, until its `async with` has been left.
        self._lost: list[int] = []

    def acquire(self) -> _Operation[Literal[True]]:
        """Acquire the lock, as its own ``acquire()``."""
        return self._lock.acquire()

    def acquire_nowait(self) -> bool:
        """Acquire the lock if that needs no waiting; whether it did not."""
        return self._lock.acquire_nowait()

    def release(self) -> None:
        """Release the lock, as its own ``release()``."""
        self._lock.release()

    def locked(self) -> bool:
        """Whether somebody holds the lock."""
        return self._lock.locked()

    def wait(self) -> Staged[Literal[True]]:
        """Give the lock up, wait to be told, have the lock again; True.

        Returns:
            A call that begins when it is awaited, or waited for with ``.wait(timeout=None)``. The time is that of being
            told; the lock is waited for without limit.

        Raises:
            RuntimeError: The lock is not held.
            simul.TimeoutError: It was not told in time.
            simul.DeadlockError: The lock, once given up, would go to a task of the event loop that this call holds up.
        """
        return Staged("Condition.wait", self._await_told, self._wait_told)

    def wait_for(self, predicate: Callable[[], _T]) -> Staged[_T]:
        """Wait until ``predicate()`` is true, and return what it returned. It is called with the lock held.

        Returns:
            A call that begins when it is awaited, or waited for with ``.wait(timeout=None)``.

        Raises:
            RuntimeError: The lock is not held.
            simul.TimeoutError: It did not become true in time.
        """

        async def awaited() -> _T:
            while not (result := predicate()):
                await self._await_told()
            return result

        def waited(timeout: float | None) -> _T:
            end = math.inf if timeout is None else time.monotonic() + timeout
            while not (result := predicate()):
                try:
                    self._wait_told(None if timeout is None else max(end - time.monotonic(), 0.0))
                except SimulTimeoutError:
                    # It may have come true without a word, while the lock was waited for.
                    if result := predicate():
                        break
                    raise
            return result

        return Staged("Condition.wait_for", awaited, waited)

    def notify(self, n: int = 1) -> None:
        """Tell up to ``n`` of those who wait, in the order of coming. They go on when they have the lock.

        Raises:
            RuntimeError: The lock is not held.
        """
        if not self._lock.locked():
            raise RuntimeError("cannot notify on un-acquired lock")
        self._waiting.notify(max(n, 0))

    def notify_all(self) -> None:
        """Tell everybody who waits.

        Raises:
            RuntimeError: The lock is not held.
        """
        self.notify(self._waiting.waiting())

    def statistics(self) -> dict[str, Any]:
        """How it stands: whether it is ``locked``, and how many are ``waiting`` to be told."""
        return {"locked": self._lock.locked(), "waiting": self._waiting.waiting()}

    async def _await_told(self) -> Literal[True]:
        self._lock._before_wait(blocking=False)
        # A place first: whoever has the lock next may tell at once.
        place = self._waiting.join()
        depth = self._lock._release_all()
        told = False
        try:
            await place
            told = True
        except GeneratorExit:
            # The coroutine is being destroyed, its loop has closed perhaps: nothing can be waited for any more.
            place.close()
            if not all(self._lock.acquire_nowait() for _ in range(depth)):
                self._lost.append(threading.get_ident())
            depth = 0
            raise
        finally:
            cancelled = None
            while depth:
                try:
                    await self._lock._acquire_again(depth)
                    break
                except asyncio.CancelledError as error:
                    cancelled = error
            if cancelled is not None:
                if told:
                    # It will not act on it.
                    self._waiting.notify(1)
                try:
                    raise cancelled
                finally:
                    cancelled = None  # or its traceback would keep this frame, and so itself
        return True

    def _wait_told(self, timeout: float | None) -> Literal[True]:
        self._lock._before_wait(blocking=True)
        place = self._waiting.join()
        depth = self._lock._release_all()
        told = False
        try:
            place.wait(timeout)
            told = True
        except SimulTimeoutError:
            raise SimulTimeoutError("Condition.wait() was not told in time; the lock is held again") from None
        finally:
            interrupted = self._lock._have_again(depth)
            if interrupted is not None:
                if told:
                    self._waiting.notify(1)
                try:
                    raise interrupted
                finally:
                    interrupted = None
        return True

    async def __aenter__(self) -> None:
        await self._lock.acquire()

    async def __aexit__(self, *raised: object) -> None:
        if raised[:1] == (GeneratorExit,) and threading.get_ident() in self._lost:
            # Destroyed while it did not hold the lock: somebody else may.
            self._lost.remove(threading.get_ident())
            return
        self._lock.release()

    if TYPE_CHECKING:

        def __enter__(self) -> None: ...
        def __exit__(self, *_raised: object) -> None: ...

    else:
        __enter__, __exit__ = _OfLock("__enter__"), _OfLock("__exit__")

    def __reduce__(self) -> Any:
        raise TypeError("a Condition cannot be pickled or copied: a copy would be another condition")

    def __repr__(self) -> str:
        word = "locked" if self._lock.locked() else "unlocked"
        waiting = self._waiting.waiting()
        return f"<simul.Condition [{word}, waiting:{waiting}]>" if waiting else f"<simul.Condition [{word}]>"
