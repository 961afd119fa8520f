"""``SmartLock``: work that many ask for at once is done once, for all of them."""

from __future__ import annotations

import asyncio
import builtins
import inspect
import os
import threading
from asyncio import events
from collections.abc import Awaitable, Callable, Coroutine, Generator
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar, cast
from weakref import WeakValueDictionary

from simul import _simul
from simul.errors import CancelledError, TimeoutError  # noqa: A004  (asyncio's name)
from simul.sync import carrier
from simul.sync.flight import INSIDE, Call, Run, enter
from simul.sync.lookout import Lookout
from simul.sync.party import GIVEN_UP, LEAD, Party, Told
from simul.sync.raised import copy_of

if TYPE_CHECKING:
    from simul._simul import Lead, _Operation

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
        Begun by ``await``, the work runs on that loop, its first step at once. Begun by ``.wait()``, it runs on a loop
        that this thread turns while it waits; should it leave while others wait, a thread of simul's turns that loop to
        the end of the work. In a worker of ``to_thread`` it runs on the loop that awaits the worker.
        If the loop that carries the work is closed, is stopped, or its task is cancelled with it (``asyncio.run`` has
        ended), exactly one of those who wait begins again, with its own call, and the others share that: work that must
        not be begun twice has to see to that itself, as it must for a retry. A loop that is blocked keeps its work. In
        a forked child nothing is in flight. It cannot be pickled.

    Cost:
        About one task for a caller who is alone.

    Example:
        >>> import asyncio
        >>> import simul
        >>> lock = simul.SmartLock()
        >>> loads = []
        >>> async def load():
        ...     loads.append("load")
        ...     await asyncio.sleep(0)
        ...     return "data"
        >>> async def main():
        ...     return await asyncio.gather(*[lock.run_once(load) for _ in range(3)])
        >>> asyncio.run(main()), len(loads)
        (['data', 'data', 'data'], 1)
        >>> lock.run_once(load).wait()
        'data'
    """

    __slots__ = ("__weakref__", "_flight", "_keyed", "_parties", "_run")

    def __init__(self) -> None:
        self._flight = _simul.Flight()
        # Keys that nobody uses leave nothing behind: each lock is held by those who use it.
        self._keyed: WeakValueDictionary[object, SmartLock] | None = None
        # Who waits on the loops that carry the work, or did: all of a loop's have one seat in the flight.
        self._parties: set[Party] = set()
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
        call = coro_func, args, kwargs
        # A coroutine that is never begun says so itself.
        return RunOnce(_fly(self, call), self, call)

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
        return {"waiting": self._waiting(), "keys": keys}

    def _waiting(self) -> int:
        return self._flight.waiting() + sum(max(0, party.size() - 1) for party in tuple(self._parties))

    def __repr__(self) -> str:
        waiting = self._waiting()
        return f"<simul.SmartLock [running, waiting:{waiting}]>" if waiting else "<simul.SmartLock [idle]>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SmartLock cannot be pickled or copied: a copy would be another flight")


class RunOnce(_simul._Flown, Coroutine[Any, Any, _T_co]):  # pyright: ignore[reportPrivateUsage]
    """A call of ``SmartLock.run_once`` that begins when it is awaited, or waited for."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __await__(self) -> Generator[Any, Any, _T_co]: ...

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
        loop = events.get_running_loop()
        run = lock._run  # pyright: ignore[reportPrivateUsage]
        party = None if run is None or run.loop is not loop else run.party
        if party is not None and party.is_open():
            told = await _follow(party, party.follow(), call)
        else:
            told = await _join(lock, loop, call)
    finally:
        if inside is not None:
            inside.waits_for.remove(lock)
    raised = _raised(told)
    if raised is None:
        return told[0][0]
    # A frame that holds its own exception would keep all that it holds until the collector comes.
    del told, run, party
    try:
        raise raised
    finally:
        del raised


_fly.__name__, _fly.__qualname__ = "run_once", "SmartLock.run_once"


async def _follow(party: Party, follower: asyncio.Future[str | None], call: Call) -> Told:
    """Wait with the others of the loop that carries the work."""
    while True:
        try:
            word = await follower
            if word is LEAD:
                follower = party.begin(follower, Run, call)
                continue
        except BaseException:
            party.leave(follower)
            raise
        if word is GIVEN_UP:
            party.leave(follower)
            raise CancelledError(_GIVEN_UP)
        return cast("Told", party.told)


async def _join(lock: SmartLock, loop: asyncio.AbstractEventLoop, call: Call) -> Told:
    """Take a seat in the flight, and lead if nobody does."""
    seat, lead = lock._flight.join()  # pyright: ignore[reportPrivateUsage]
    if lead is None:
        told, seat, lead = await _follow_elsewhere(lock, loop, seat)
        if lead is None:
            return cast("Told", told)
    run = Run(lock, lead, loop, seat)
    try:
        party = run.begin(loop, seat, call)
    except BaseException:
        seat.close()
        raise
    if party is not None and party.leader is not None:
        return await _follow(party, party.leader, call)
    if run.told is None:
        # The lead was lost in the first step: by a reset, as the seat tells, or by a cancel of the work's own task.
        seat.wait(0)
        raise CancelledError(_GIVEN_UP)
    seat.close()
    return run.take()


async def _follow_elsewhere(
    lock: SmartLock, loop: asyncio.AbstractEventLoop, seat: _Operation[Any]
) -> tuple[Told | None, _Operation[Any], Lead | None]:
    """Wait while another loop or thread carries the work: for the outcome, or until the lead is ours."""
    lead = None
    while lead is None:
        lookout = Lookout(lock._flight)  # pyright: ignore[reportPrivateUsage]
        lookout.begin(loop)
        try:
            told = await seat
        finally:
            lookout.end()
        if not isinstance(told, _simul.Vacant):
            return cast("Told", told), seat, None
        seat, lead = told.claim()
        del told
    return None, seat, lead


def _raised(told: Told) -> BaseException | None:
    """What is to be raised, if the work has raised something."""
    (_, error, traceback), shared = told
    if error is None:
        return None
    return copy_of(error, traceback) if shared else error.with_traceback(traceback)


def _wait(lock: SmartLock, call: Call, timeout: float | None) -> Any:
    running = events._get_running_loop()
    if running is None and (parent := _simul.thread_parent()) is not None:
        # A worker's coroutines run on the loop that awaits it.
        return parent.run(_in_time(lock, call, timeout))
    inside = INSIDE.get()
    if inside is not None:
        inside = enter(inside, lock)
    deadline = None if timeout is None else monotonic() + timeout
    try:
        seat, lead = lock._flight.join()  # pyright: ignore[reportPrivateUsage]
        while True:
            left = None if deadline is None else max(0.0, deadline - monotonic())
            if lead is not None:
                run = Run(lock, lead)
                if running is None:
                    told = carrier.lead_here(run, seat, call, left)
                else:
                    told = carrier.lead_elsewhere(run, seat, call, left, running)
                del run
                if isinstance(told, _simul.Vacant):
                    del told
                    raise CancelledError(_GIVEN_UP)
                break
            lookout = Lookout(lock._flight)  # pyright: ignore[reportPrivateUsage]
            told = lock._flight.wait(seat, left, lookout.look)  # pyright: ignore[reportPrivateUsage]
            if not isinstance(told, _simul.Vacant):
                break
            seat, lead = told.claim()
            del told
    finally:
        if inside is not None:
            inside.waits_for.remove(lock)
    raised = _raised(told)
    if raised is None:
        return told[0][0]
    # A frame that holds its own exception would keep all that it holds until the collector comes.
    del told
    try:
        raise raised
    finally:
        del raised


async def _in_time(lock: SmartLock, call: Call, seconds: float | None) -> Any:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await _fly(lock, call)
    except builtins.TimeoutError:
        if not limit.expired():
            raise
        raise TimeoutError(carrier.EXPIRED) from None
