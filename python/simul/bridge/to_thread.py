"""Blocking functions on threads, awaited."""

# The compiled half is private to this package.
# pyright: reportPrivateUsage=false
from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, TypeVarTuple, overload

from simul import _simul
from simul.bridge.parent import Parent
from simul.errors import InvalidError

__all__ = ["Limiter", "parent", "to_thread"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class Limiter(Protocol):
    """What ``to_thread`` asks of a limiter: :class:`simul.CapacityLimiter` and :class:`simul.Semaphore` have it.

    Threads and loops:
        ``release`` is called on worker threads.
    """

    def acquire(self) -> Any:
        """Take a token; awaited."""

    def release(self) -> Any:
        """Give a token back, from any thread."""


def parent() -> Parent | None:
    """What the worker that runs on this thread knows of the loop that awaits it; None on any other thread."""
    return _simul.thread_parent()


@overload
async def to_thread(function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T: ...
@overload
async def to_thread(
    function: Callable[[*_Ts], _T],
    /,
    *args: *_Ts,
    abandon_on_cancel: bool = False,
    limiter: Limiter | None = None,
) -> _T: ...
@overload
async def to_thread(  # type: ignore[overload-cannot-match]  # it does, where an option is given
    function: Callable[..., _T],
    /,
    *args: Any,
    abandon_on_cancel: bool = False,
    limiter: Limiter | None = None,
    **kwargs: Any,
) -> _T: ...
async def to_thread(  # type: ignore[misc]  # a keyword of the function's own may have our options' names
    function: Callable[..., Any],
    /,
    *args: Any,
    abandon_on_cancel: bool = False,
    limiter: Limiter | None = None,
    **kwargs: Any,
) -> Any:
    """Run a blocking function on a worker thread, and await its result.

    Args:
        function: Called as ``function(*args, **kwargs)``. A function with a parameter that is itself called
            ``limiter`` or ``abandon_on_cancel``: wrap it in ``functools.partial``.
        args: Its arguments.
        abandon_on_cancel: Whether a cancelled await leaves at once and lets the function go on by itself.
        limiter: A :class:`simul.CapacityLimiter` (or what has its ``acquire`` and ``release``) that says how many
            such calls run at once. Default: 256 in this process.
        kwargs: Its keyword arguments.

    Returns:
        What the function returns.

    Raises:
        BaseException: Whatever the function raises: the same object, with its own traceback. StopIteration becomes
            the cause of a RuntimeError, since no coroutine can raise it.

    Cancellation:
        The function is told: ``simul.from_thread.check_cancelled()`` raises there, and a coroutine that it runs by
        ``simul.from_thread.run`` is cancelled. The await ends when the function has ended, and raises CancelledError;
        what the function raised beside that is its ``__context__``. With ``abandon_on_cancel`` nobody hears of the
        function's end.

    Threads and loops:
        asyncio and uvloop, any number of loops at once. The function runs in the task's own context: what it sets in
        context variables is set for the task. With ``abandon_on_cancel`` it runs in a copy, and what it has set is
        set when it has ended. A call that waits for its loop in ``from_thread.run`` gives its token back meanwhile.

    Cost:
        Less than 20 us of CPU time; ``asyncio.to_thread`` takes more than twice that. Idle threads end after 10 s.

    Example:
        >>> import asyncio, simul
        >>> asyncio.run(simul.to_thread(pow, 2, 10))
        1024
    """
    if limiter is None:
        return await _simul._Crossing(function, args, kwargs, abandon_on_cancel, True)  # noqa: FBT003  (keywords take time)
    if isinstance(limiter, (asyncio.Semaphore, asyncio.Lock)):
        raise InvalidError("a limiter gives tokens back on worker threads, which asyncio's cannot: use simul's")
    token = _Token(limiter, function)
    await token.acquire()
    crossing: _simul._Crossing[Any] = _simul._Crossing(token, args, kwargs, abandon_on_cancel, False)  # noqa: FBT003
    try:
        return await crossing
    finally:
        if not crossing.taken:
            token.release()


class _Token:
    """A limiter's token, in the hands of the worker that runs the function.

    A limiter that knows borrowers lends to this object: one task may have several such calls under way.
    """

    __slots__ = ("__weakref__", "_borrows", "_function", "_held", "_limiter")

    def __init__(self, limiter: Any, function: Callable[..., Any]) -> None:
        self._function = function
        self._limiter = limiter
        self._borrows = hasattr(limiter, "acquire_on_behalf_of")
        self._held = False

    async def acquire(self) -> None:
        await (self._limiter.acquire_on_behalf_of(self) if self._borrows else self._limiter.acquire())
        self._held = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        here = parent()
        if here is not None:
            here.token = self
        try:
            return self._function(*args, **kwargs)
        finally:
            if here is not None:
                here.token = None
            self.release()

    def release(self) -> None:
        if not self._held:
            return
        self._held = False
        if self._borrows:
            self._limiter.release_on_behalf_of(self)
        else:
            self._limiter.release()

    def take_again(self) -> None:
        """Take the token again without queueing, also where that makes one too many.

        Another class's limiter cannot lend like that: there the call goes on without a token.
        """
        take: Callable[[object], object] | None = getattr(self._limiter, "_take_anyway", None)
        if take is not None:
            take(self)
            self._held = True
