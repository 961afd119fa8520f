"""Coroutine functions as plain functions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

from simul.bridge import adapt
from simul.bridge.smart import kind_of
from simul.bridge.wait import wait_for
from simul.errors import InvalidError

__all__ = ["Handled", "async_handler"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_Self = TypeVar("_Self")
_P2 = ParamSpec("_P2")
_T2 = TypeVar("_T2")


class Handled(Protocol[_P, _T_co]):
    """What :func:`async_handler` makes: a plain function, with the coroutine function beside it."""

    __name__: str
    aio: Callable[..., Coroutine[Any, Any, Any]]

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _T_co:
        """Run to the end and return the result."""
        ...

    @overload
    def __get__(self, instance: None, owner: object = None) -> Handled[_P, _T_co]: ...
    @overload
    def __get__(
        self: Handled[Concatenate[_Self, _P2], _T2], instance: _Self, owner: object = None
    ) -> Callable[_P2, _T2]: ...


def async_handler(function: Callable[_P, Awaitable[_T]]) -> Handled[_P, _T]:
    """Make a coroutine function callable from plain code.

    Args:
        function: A coroutine function, or any function that returns an awaitable.

    Returns:
        A function with the same arguments that waits for the end and returns the result. Its ``.aio`` is the coroutine
        function.

    Raises:
        BaseException: Whatever the coroutine raises: the same object, with its own traceback.

    Cancellation:
        Ctrl-C cancels the coroutine, lets its ``finally`` run, and raises KeyboardInterrupt.

    Threads and loops:
        Any thread; each has a loop of its own for this. Where a loop is running on the calling thread, the coroutine
        runs on another one, nested on that thread: the outer loop stands still meanwhile. In a worker of
        ``to_thread`` the coroutine runs on the loop that awaits the worker. Nothing is patched.

    Cost:
        A microsecond or two where the coroutine never has to wait.

    Example:
        >>> import simul
        >>> import simul.testing
        >>> @simul.async_handler
        ... async def double(number):
        ...     return await simul.testing.jobs.ready(number) * 2
        >>> double(21)
        42
    """
    if isinstance(function, (classmethod, staticmethod)):
        outer: Any = cast("Any", function)
        rewrapped: Handled[_P, _T] = outer.__class__(async_handler(outer.__func__))
        return rewrapped
    if isinstance(function, property):
        return cast("Any", property(async_handler(cast("Any", function.fget)), function.fset, function.fdel))

    kind = kind_of(function)

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        if kind == "plain":
            # It may look for the running loop before it gives something to await, as asyncio.gather does.
            return wait_for(_called_inside(function, args, kwargs))
        return wait_for(function(*args, **kwargs))

    # Not `__wrapped__`: frameworks that look there would take it for a coroutine function, and await its result.
    del call.__wrapped__
    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    call.aio = adapt.aio(function, kind)  # type: ignore[attr-defined]
    return cast("Handled[_P, _T]", call)


async def _called_inside(function: Callable[..., Awaitable[_T]], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _T:
    awaitable = function(*args, **kwargs)
    if not inspect.isawaitable(awaitable):
        raise InvalidError(f"{function!r} returned {awaitable!r}, which cannot be awaited: it needs no async_handler")
    return await awaitable
