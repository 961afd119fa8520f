"""What ``smartasync`` does with what a function returns; the compiled wrapper calls this."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable
from typing import Any

from simul.bridge import steps, to_thread, wait

__all__: list[str] = []

wait_for = wait.wait_for


def in_plain_code(value: Any, managed: bool) -> Any:  # noqa: FBT001  (called by position)
    """For a sync caller, what is no awaitable: something to iterate, an async context manager, or a plain value."""
    if isinstance(value, AsyncGenerator):
        return steps.iterate(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if _only_async_iterates(value):
        return steps.iterate(steps.each(value))
    if managed and hasattr(value, "__aenter__") and not hasattr(value, "__enter__"):
        return steps.Managed(value)
    return value


def _only_async_iterates(value: object) -> bool:
    return isinstance(value, AsyncIterator) and not isinstance(value, Iterable)


def in_async_code(value: Any) -> Any:
    """For an async caller, what an async function returned and is no coroutine by its type."""
    if inspect.isawaitable(value) and not asyncio.iscoroutine(value):
        return wait.as_coroutine(value)
    return value


def offload(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None
) -> Coroutine[Any, Any, Any]:
    """A coroutine that calls a plain function in a thread; if what it returns can be awaited, it awaits that here."""
    coroutine = _offload(function, args, kwargs)
    # Python names it when it is never awaited, and so do tasks.
    named: Any = coroutine
    named.__name__ = getattr(function, "__name__", "offload")
    named.__qualname__ = getattr(function, "__qualname__", "offload")
    return coroutine


async def _offload(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
    value = await to_thread.to_thread(functools.partial(function, *args, **(kwargs or {})))
    return await value if inspect.isawaitable(value) else value


def aio(function: Callable[..., Any], kind: str) -> Callable[..., Any]:
    """The function for async code."""
    if kind == "managed" or inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return function
    if inspect.isasyncgenfunction(getattr(type(function), "__call__", None)):  # noqa: B004
        return function

    @functools.wraps(function, updated=())
    async def call(*args: Any, **kwargs: Any) -> Any:
        if kind == "plain":
            return await offload(function, args, kwargs)
        return await function(*args, **kwargs)

    return call


def described(descriptor: Any, kind: str, instance: object, owner: type[Any] | None) -> Any:
    """What a descriptor that is no callable gives an instance, or a class."""
    from simul.bridge import smart  # noqa: PLC0415  (it needs the compiled wrapper, which needs this)

    inner = descriptor.__get__(instance, owner)
    return smart.bound(inner, kind) if callable(inner) else inner


def ask_for_a_class(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Refuse what would take the first argument for the class."""
    if not args or not isinstance(args[0], type):
        name = getattr(function, "__qualname__", repr(function))
        message = (
            f"{name}() was given no class: from Python 3.13 on a classmethod does not tell its class to .sync and .aio "
            f"of what it wraps; put @smartasync above @classmethod"
        )
        raise TypeError(message)


def aio_with_a_class(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which asks for its class."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        ask_for_a_class(function, args)
        return function(*args, **kwargs)

    if sys.version_info >= (3, 12) and inspect.iscoroutinefunction(function):
        return inspect.markcoroutinefunction(call)
    return call


def bound_aio(function: Callable[..., Any], kind: str, instance: object) -> Callable[..., Any]:
    """The method for async code, of one instance or class."""
    # A partial of a coroutine function counts as one; so does a method, but this works for any callable.
    return functools.partial(aio(function, kind), instance)


def bound_signature(smart: Callable[..., Any]) -> inspect.Signature:
    """The signature without the first parameter."""
    signature = inspect.signature(smart)
    return signature.replace(parameters=list(signature.parameters.values())[1:])
