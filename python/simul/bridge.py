"""Calling coroutines from plain code, also where an event loop is already running."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from asyncio import events
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

__all__ = ["async_handler"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def async_handler(function: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, _T]:
    """Make a coroutine function callable from plain code.

    Args:
        function: A coroutine function.

    Returns:
        A function with the same arguments that runs the coroutine to its end and returns its result.

    Raises:
        BaseException: Whatever the coroutine raises: the same object, with its own traceback.

    Threads and loops:
        Any thread. Where a loop is running on the calling thread, the coroutine runs on a loop of its own, nested on
        that thread; the outer loop stands still meanwhile. Nothing is patched.

    Example:
        >>> import simul
        >>> import simul.testing
        >>> @simul.async_handler
        ... async def double(number):
        ...     return await simul.testing.jobs.ready(number) * 2
        >>> double(21)
        42
    """

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        coroutine = function(*args, **kwargs)
        outer = events._get_running_loop()
        if outer is None:
            return _run(coroutine)
        return _run_nested(outer, coroutine)

    return call


def _run(coroutine: Coroutine[Any, Any, _T]) -> _T:
    # With a factory, a Runner leaves the thread's current loop alone.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(coroutine, context=contextvars.copy_context())


def _run_nested(outer: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run on a side loop of this thread: the current task is left, and entered again at the end."""
    task = asyncio.current_task(outer)
    if task is not None:
        asyncio.tasks._leave_task(outer, task)
    events._set_running_loop(None)
    try:
        return _run(coroutine)
    finally:
        events._set_running_loop(outer)
        if task is not None:
            asyncio.tasks._enter_task(outer, task)
