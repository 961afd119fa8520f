"""``SmartLock``: work that many ask for at once is done once, for all of them."""

from __future__ import annotations

import inspect
import os
import threading
from asyncio import events
from collections.abc import Awaitable, Callable, Coroutine, Generator
from datetime import timedelta
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar
from weakref import WeakValueDictionary

from simul import _simul
from simul.errors import CancelledError
from simul.sync import carrier
from simul.sync.flight import INSIDE, Call, Run, enter
from simul.sync.raised import copy_of

__all__ = ["RunOnce", "SmartLock"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

_GIVEN_UP = "the work of this SmartLock was cancelled by somebody who is none of its waiters: make the call again"

# Guards the tables of keys. Reentrant, since the collector may come in between.
_keys = threading.RLock()


def _renew_in_child() -> None:
    global _keys  # noqa: PLW0603  (the parent's may be held for ever)
    _keys = threading.RLock()


os.register_at_fork(after_in_child=_renew_in_child)


class SmartLock:
    """Do it once for all who ask meanwhile, on any number of threads and event loops.

    It is no cache: whoever asks while the work goes on shares it, whoever asks after its end starts it again. Different
    arguments do not make a different flight; ``for_key()`` does.

    Cancellation:
        The work runs in a task of its own. A waiter that is cancelled or runs out of time leaves, the one who began the
        work too, and the others are not touched. When the last one has left, the work is cancelled.

    Threads and loops:
        Begun by ``await``, the work runs on that loop. Begun by ``.wait()``, it runs on a loop that this thread turns
        while it waits; should it leave while others wait, a thread of simul's turns that loop to the end of the work.
        If the loop that carries the work is closed, or its task is cancelled with it (``asyncio.run`` has ended), the
        first of those who still wait begins again, with its own call: work that must not be begun twice has to see to
        that itself, as it must for a retry. In a forked child nothing is in flight. It cannot be pickled.

    Cost:
        About one task and one callback for a caller who is alone.

    Example:
        >>> import asyncio
        >>> import simul
        >>> lock = simul.SmartLock()
        >>> loads = []
        >>> async def load():
        ...     loads.append("load")
        ...     return "data"
        >>> async def main():
        ...     return await asyncio.gather(*[lock.run_once(load) for _ in range(3)])
        >>> asyncio.run(main()), len(loads)
        (['data', 'data', 'data'], 1)
        >>> lock.run_once(load).wait()
        'data'
    """

    __slots__ = ("__weakref__", "_flight", "_keyed", "_run")

    def __init__(self) -> None:
        self._flight = _simul.Flight()
        # Keys that nobody uses leave nothing behind: each lock is held by those who use it.
        self._keyed: WeakValueDictionary[object, SmartLock] | None = None
        # The latest run, to see who waits for whom.
        self._run: Run | None = None

    def run_once(self, coro_func: Callable[_P, Awaitable[_T]], /, *args: _P.args, **kwargs: _P.kwargs) -> RunOnce[_T]:
        """Run ``coro_func(*args, **kwargs)``, or share the run that is under way.

        Args:
            coro_func: A coroutine function, or anything else that returns an awaitable.
            args: Its arguments.
            kwargs: Its keywords, all of them: ``key=`` too.

        Returns:
            A coroutine object that begins when it is awaited, or waited for with ``.wait(timeout=None)``.

        Raises:
            BaseException: What the work raises. Who is alone gets that very object; of several waiters each gets a copy
                of its own: same class, ``args``, attributes, notes and cause, and a traceback that begins in the work.
            simul.CancelledError: ``reset()`` was called meanwhile.
            simul.DeadlockError: The work itself asks for this flight, or for one that waits for it.
            simul.NestedLoopError: The work runs on an event loop that this very call holds up.

        Cancellation:
            Leaving is cancelling the task that awaits, or the end of ``.wait``'s time, or Ctrl-C.

        Example:
            >>> import simul
            >>> async def greet(name, key):
            ...     return f"{key}, {name}"
            >>> simul.SmartLock().run_once(greet, "Ada", key="Good day").wait()
            'Good day, Ada'
        """
        return RunOnce(self, (coro_func, args, kwargs))

    def for_key(self, key: object) -> SmartLock:
        """Give the lock of this key, which shares its work with no other.

        Args:
            key: Anything that can be hashed.

        Returns:
            The same lock for equal keys for as long as anybody holds or uses it.

        Example:
            >>> import simul
            >>> lock = simul.SmartLock()
            >>> async def load(number):
            ...     return number
            >>> lock.for_key(1).run_once(load, 1).wait(), lock.for_key(2).run_once(load, 2).wait()
            (1, 2)
        """
        with _keys:
            keyed = self._keyed
            if keyed is None:
                keyed = self._keyed = WeakValueDictionary()
            lock = keyed.get(key)
            if lock is None:
                lock = keyed[key] = SmartLock()
            return lock

    def reset(self) -> None:
        """Cancel the work that is under way, here and for every key.

        Who waits for it gets ``simul.CancelledError``, and the next ``run_once`` begins anew.

        Threads and loops:
            Any thread.

        Example:
            >>> import simul
            >>> simul.SmartLock().reset()
        """
        self._flight.reset()
        with _keys:
            keyed = [] if self._keyed is None else list(self._keyed.values())
        for lock in keyed:
            lock.reset()

    def statistics(self) -> dict[str, int]:
        """Tell how many callers are ``waiting``, and how many ``keys`` are in use.

        Example:
            >>> import simul
            >>> simul.SmartLock().statistics()
            {'waiting': 0, 'keys': 0}
        """
        with _keys:
            keys = 0 if self._keyed is None else len(self._keyed)
        return {"waiting": self._flight.waiting(), "keys": keys}

    def __repr__(self) -> str:
        waiting = self._flight.waiting()
        return f"<simul.SmartLock [running, waiting:{waiting}]>" if waiting else "<simul.SmartLock [idle]>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SmartLock cannot be pickled or copied: a copy would be another flight")


class RunOnce(Coroutine[Any, Any, _T_co], Generic[_T_co]):
    """A call of ``SmartLock.run_once`` that begins when it is awaited, or waited for."""

    __slots__ = ("__weakref__", "_call", "_coroutine", "_lock")

    def __init__(self, lock: SmartLock, call: Call) -> None:
        self._lock = lock
        self._call = call
        # One that is never begun says so itself.
        self._coroutine = _fly(lock, call)

    def __await__(self) -> Generator[Any, Any, _T_co]:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        """Make one step, as tasks do."""
        return self._coroutine.send(value)

    def throw(
        self,
        exception: type[BaseException] | BaseException,
        value: object = None,
        traceback: TracebackType | None = None,
    ) -> Any:
        """Raise an exception here, as tasks do when they are cancelled."""
        if value is None and traceback is None:
            return self._coroutine.throw(exception)
        made: BaseException
        if isinstance(exception, BaseException):
            made = exception
        else:
            made = value if isinstance(value, BaseException) else exception(*(() if value is None else (value,)))
        return self._coroutine.throw(made.with_traceback(traceback))

    def close(self) -> None:
        """Leave; the work goes on for the others."""
        self._coroutine.close()

    def wait(self, timeout: float | timedelta | None = None) -> _T_co:
        """Block this thread until the work has ended.

        Args:
            timeout: Seconds or a timedelta; None (the default) waits without limit.

        Returns:
            What the work returns.

        Raises:
            simul.TimeoutError: It did not end in time. It goes on if anybody else waits for it.

        Cancellation:
            Ctrl-C and the end of the time are this waiter's leaving.

        Threads and loops:
            Any thread. Where a loop is running on it, that loop stands still meanwhile: await instead.
        """
        if inspect.getcoroutinestate(self._coroutine) != inspect.CORO_CREATED:
            raise RuntimeError("cannot reuse already awaited SmartLock.run_once()")
        self._coroutine.close()
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        value: _T_co = _wait(self._lock, self._call, seconds)
        return value

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            # `cr_await`, `__qualname__` and the like, for those who show tasks.
            return getattr(self._coroutine, name)

    def __repr__(self) -> str:
        return f"<SmartLock.run_once() {inspect.getcoroutinestate(self._coroutine)}>"


async def _fly(lock: SmartLock, call: Call) -> Any:
    inside = INSIDE.get()
    if inside is not None:
        inside = enter(inside, lock)
    try:
        while True:
            seat, lead = lock._flight.join()  # pyright: ignore[reportPrivateUsage]
            if lead is None:
                told = await seat
            else:
                loop = events.get_running_loop()
                known = loop.create_future()
                try:
                    Run(lock, lead).start(loop, known, call)
                    await known
                except BaseException:
                    seat.close()
                    raise
                told = seat.wait()
            if told is not None:
                break
            if lead is not None:
                raise CancelledError(_GIVEN_UP)
    finally:
        if inside is not None:
            inside.waits_for.remove(lock)
    (value, error, traceback), shared = told
    if error is None:
        return value
    # A frame that holds its own exception would keep all that it holds until the collector comes.
    del told
    try:
        raise copy_of(error, traceback) if shared else error.with_traceback(traceback)
    finally:
        del error, traceback


_fly.__name__, _fly.__qualname__ = "run_once", "SmartLock.run_once"


def _wait(lock: SmartLock, call: Call, timeout: float | None) -> Any:
    inside = INSIDE.get()
    if inside is not None:
        inside = enter(inside, lock)
    deadline = None if timeout is None else monotonic() + timeout
    try:
        while True:
            left = None if deadline is None else max(0.0, deadline - monotonic())
            seat, lead = lock._flight.join()  # pyright: ignore[reportPrivateUsage]
            told = seat.wait(left) if lead is None else _lead(Run(lock, lead), seat, call, left)
            if told is not None:
                break
            if lead is not None:
                raise CancelledError(_GIVEN_UP)
    finally:
        if inside is not None:
            inside.waits_for.remove(lock)
    (value, error, traceback), shared = told
    if error is None:
        return value
    del told
    try:
        raise copy_of(error, traceback) if shared else error.with_traceback(traceback)
    finally:
        del error, traceback


def _lead(run: Run, seat: Any, call: Call, timeout: float | None) -> Any:
    outer = events._get_running_loop()
    if outer is None:
        return carrier.lead_here(run, seat, call, timeout)
    return carrier.lead_elsewhere(run, seat, call, timeout, outer)
