"""Values that may be awaitable."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

__all__ = ["smartawait", "smartcontinuation"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_R = TypeVar("_R")


async def smartawait(value: Any) -> Any:
    """Await a value until it is none that can be awaited.

    Args:
        value: Anything: a value, an awaitable, an awaitable that gives another, to any depth.

    Returns:
        The value at the end.

    Example:
        >>> import simul
        >>> async def one():
        ...     return 1
        >>> async def later():
        ...     return one()
        >>> simul.run(simul.smartawait(later()))
        1
    """
    while inspect.isawaitable(value):
        value = await value
    return value


@overload
def smartcontinuation(
    value: Awaitable[_T], on_resolved: Callable[Concatenate[_T, _P], _R], *args: _P.args, **kwargs: _P.kwargs
) -> Any: ...
@overload
def smartcontinuation(
    value: _T, on_resolved: Callable[Concatenate[_T, _P], _R], *args: _P.args, **kwargs: _P.kwargs
) -> _R: ...
def smartcontinuation(value: Any, on_resolved: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Apply a function to a value: now, or once it is there.

    Args:
        value: A value or an awaitable.
        on_resolved: Called with the value, and with ``args`` and ``kwargs``.
        args: Further positional arguments of ``on_resolved``.
        kwargs: Keyword arguments of ``on_resolved``.

    Returns:
        For a value, what ``on_resolved`` returns; for an awaitable, a coroutine that gives it (and awaits it first, if
        it is awaitable itself).

    Example:
        >>> import simul
        >>> simul.smartcontinuation({"name": "Alice"}, lambda data: data["name"])
        'Alice'
    """
    if not inspect.isawaitable(value):
        return on_resolved(value, *args, **kwargs)

    async def continuation() -> Any:
        result = on_resolved(await value, *args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    return continuation()
