"""One function for sync and async callers."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import types
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Concatenate, ParamSpec, TypeVar, cast, overload

from simul._simul import SmartAsync, SmartMethod
from simul.bridge import described
from simul.errors import InvalidError

__all__ = ["SmartAsync", "SmartMethod", "smartasync"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_S = TypeVar("_S")
_C = TypeVar("_C")


@overload
def smartasync(method: property) -> property: ...
@overload
def smartasync(
    method: functools.cached_property[Any] | functools.partialmethod[Any] | functools.singledispatchmethod[Any],
) -> Any: ...
@overload
def smartasync(
    method: classmethod[_C, _P, Coroutine[Any, Any, _T]],
) -> SmartAsync[Concatenate[type[_C], _P], _T, Coroutine[Any, Any, _T]]: ...
@overload
def smartasync(
    method: staticmethod[_P, Coroutine[Any, Any, _T]],
) -> SmartAsync[_P, _T, Coroutine[Any, Any, _T]]: ...
@overload
def smartasync(  # type: ignore[overload-overlap]  # the last one is for everything else
    method: Callable[_P, AsyncGenerator[_T, _S]],
) -> SmartAsync[_P, Generator[_T, _S, None], AsyncGenerator[_T, _S]]: ...
@overload
def smartasync(  # type: ignore[overload-overlap]
    method: Callable[_P, AsyncIterator[_T]],
) -> SmartAsync[_P, Generator[_T, None, None], AsyncIterator[_T]]: ...
@overload
def smartasync(method: Callable[_P, Awaitable[_T]]) -> SmartAsync[_P, _T, Coroutine[Any, Any, _T]]: ...
@overload
def smartasync(  # type: ignore[overload-overlap]
    method: Callable[_P, AbstractAsyncContextManager[_T, bool | None]],
) -> SmartAsync[_P, AbstractContextManager[_T, bool | None], AbstractAsyncContextManager[_T, bool | None]]: ...
@overload
def smartasync(method: Callable[_P, _T]) -> SmartAsync[_P, _T, Coroutine[Any, Any, _T]]: ...
def smartasync(method: Any) -> Any:
    """Make one function that plain code and async code both call.

    Args:
        method: Any callable: a function, a method, a partial, an object with (async) ``__call__``, a classmethod,
            staticmethod or property; a coroutine function, an async generator function, a function that makes an async
            context manager, a plain function.

    Returns:
        The function for both. Called by plain code it gives the result (an iterator for an async generator, a context
        manager for an async one); called by async code a coroutine (the async generator, the async context manager),
        and a plain function runs in a thread. ``.sync(...)`` and ``.aio(...)`` say which one is meant, and are typed
        exactly.

    Raises:
        BaseException: Whatever the function raises: the same object, with its own traceback.
        simul.InvalidError: ``method`` can be neither called nor bound.

    Cancellation:
        As of :func:`async_handler`.

    Threads and loops:
        As of :func:`async_handler`. What counts is whether a loop is running on the calling thread, unless
        :func:`set_sync` or :func:`set_async` said otherwise. All steps of an async generator, and
        entering and leaving of a context manager, run in one task; begin and end them on one thread.

    Cost:
        Sync caller: a microsecond or two where the coroutine never has to wait, a tenth of one for a plain function.

    Example:
        >>> import asyncio, simul
        >>> @simul.smartasync
        ... async def double(number):
        ...     return number * 2
        >>> double(21)
        42
        >>> async def main():
        ...     return await double(4)
        >>> asyncio.run(main())
        8
    """
    if isinstance(method, (SmartAsync, SmartMethod)):
        return cast("Any", method)
    if isinstance(method, property):
        getter = None if method.fget is None else smartasync(method.fget)
        return property(getter, method.fset, method.fdel, method.__doc__)
    if isinstance(method, (classmethod, staticmethod)):
        inner: Any = cast("Any", method).__func__
        if isinstance(inner, SmartAsync):
            inner = inner.__wrapped__
        return _wrap(inner, "class" if isinstance(method, classmethod) else "static")
    if isinstance(method, functools.cached_property):
        return described.CachedProperty(method.func) if _is_async(method.func) else cast("Any", method)
    if described.is_descriptor(method):
        return _wrap(method, "descriptor")
    if not callable(method):
        raise InvalidError(f"{method!r} is no function: smartasync takes what can be called, or bound to an instance")
    return _wrap(method, _binding_of(method))


def _wrap(function: Any, binding: str) -> SmartAsync[..., Any, Any]:
    smart = SmartAsync[..., Any, Any](function, kind_of(function), binding)
    # An object's own attributes are not the wrapper's; a function's are.
    updated = ("__dict__",) if isinstance(function, types.FunctionType) else ()
    functools.update_wrapper(smart, function, updated=updated)
    if getattr(function, "__isabstractmethod__", False):
        cast("Any", smart).__isabstractmethod__ = True
    return smart


def bound(function: Any, kind: str) -> SmartAsync[..., Any, Any]:
    """What a descriptor has given an instance, for both kinds of callers."""
    smart = SmartAsync[..., Any, Any](function, kind, "static")
    functools.update_wrapper(smart, function, updated=())
    return smart


def _binding_of(function: Any) -> str:
    if not _binds(function):
        return "static"
    return "handed" if _takes_a_class(function) else "instance"


def _binds(function: Any) -> bool:
    """Whether the attribute of an instance would get that instance, as a function's does."""
    if isinstance(function, (types.MethodType, functools.partial)):
        return False
    return not inspect.isclass(function) and hasattr(_type_of(function), "__get__")


def _takes_a_class(function: Any) -> bool:
    """Whether a ``classmethod`` that does not ask what it wraps, as from Python 3.13 on, may come to stand around this.

    Then ``.sync`` and ``.aio`` of the bound method are the function's own, and nobody says for which class.
    """
    if sys.version_info < (3, 13):
        return False
    code = getattr(inspect.unwrap(function), "__code__", None)
    within = getattr(function, "__qualname__", "").rpartition(".")[0]
    return bool(code is not None and code.co_argcount and code.co_varnames[0] == "cls" and within and within[-1] != ">")


def _type_of(value: Any) -> Any:
    return value.__class__


# What `contextlib.asynccontextmanager` makes is a plain function; its code tells it.
@contextlib.asynccontextmanager
async def _managed() -> AsyncGenerator[None, None]:
    yield


_MANAGER_CODE = getattr(_managed, "__code__", None)


def kind_of(function: Any) -> str:  # noqa: PLR0911  (one for each way)
    """What a call gives: ``"asynchronous"`` (something to await or to iterate), ``"managed"``, ``"plain"``."""
    if inspect.isclass(function):
        if hasattr(function, "__aenter__") and not hasattr(function, "__enter__"):
            return "managed"
        return "asynchronous" if hasattr(function, "__await__") or hasattr(function, "__anext__") else "plain"
    if isinstance(function, functools.singledispatchmethod):
        return kind_of(cast("Any", function).func)
    if _is_async(function):
        return "asynchronous"
    while isinstance(function, (functools.partial, functools.partialmethod, types.MethodType)):
        function = function.__func__ if isinstance(function, types.MethodType) else cast("Any", function).func
    if _is_async(function):
        return "asynchronous"
    if getattr(function, "__code__", None) is _MANAGER_CODE:
        return "managed"
    if inspect.isclass(function):
        return kind_of(function)
    if not inspect.isroutine(function) and _is_async(getattr(_type_of(function), "__call__", None)):  # noqa: B004
        return "asynchronous"
    return "plain"


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
