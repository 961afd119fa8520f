"""Waiting for an awaitable in plain code."""

from __future__ import annotations

import asyncio
import builtins
import inspect
from collections.abc import Awaitable, Coroutine
from datetime import timedelta
from types import CoroutineType
from typing import Any, TypeVar, cast

from simul import _simul
from simul.errors import InvalidError, SimulError, TimeoutError  # noqa: A004  (asyncio's name)

__all__ = ["run", "wait_for"]

_T = TypeVar("_T")


def run(awaitable: Awaitable[_T], *, timeout: float | timedelta | None = None) -> _T:
    """Wait for a coroutine, a Job or anything else that can be awaited, and return its result.

    Args:
        awaitable: A coroutine, a Job, a future or task of this thread's loop, an object with ``__await__``.
        timeout: Seconds or a timedelta; None (the default) waits without limit.

    Returns:
        What awaiting it gives.

    Raises:
        BaseException: Whatever the coroutine raises: the same object, with its own traceback.
        simul.TimeoutError: The time was up first.
        simul.NestedLoopError: It waits for something that only the loop could finish that stands still under this call.
        simul.InvalidError: It is no awaitable, or a future of a loop that runs elsewhere.

    Cancellation:
        Ctrl-C and an expired ``timeout`` cancel a coroutine and let its ``finally`` run. A Job goes on when the time
        is up.

    Threads and loops:
        Any thread; see :func:`async_handler`.

    Cost:
        A microsecond or two where the coroutine never has to wait.

    Example:
        >>> import simul
        >>> async def main():
        ...     return 42
        >>> simul.run(main())
        42
    """
    if timeout is None:
        return wait_for(awaitable)
    if isinstance(awaitable, _simul.Job) and not _simul.is_running():
        value: _T = awaitable.wait(timeout)
        return value
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    return _simul.block_on(_limited(as_coroutine(awaitable), seconds))


def wait_for(awaitable: Awaitable[_T]) -> _T:
    """Wait for any awaitable in plain code, without limit."""
    if isinstance(awaitable, CoroutineType):
        return cast("_T", _simul.block_on(cast("Coroutine[Any, Any, Any]", awaitable)))
    if isinstance(awaitable, _simul.Job) and not _simul.is_running():
        # It needs no loop: this thread sleeps until it is done.
        value: _T = awaitable.wait()
        return value
    return _simul.block_on(as_coroutine(awaitable))


def as_coroutine(awaitable: Awaitable[_T]) -> Coroutine[Any, Any, _T]:
    """A coroutine that awaits what is no coroutine."""
    if asyncio.iscoroutine(awaitable):
        return awaitable
    if not inspect.isawaitable(awaitable):
        raise InvalidError(f"{awaitable!r} cannot be awaited: give a coroutine, a Job, a future or a task")

    if asyncio.isfuture(awaitable):
        return _of_a_future(awaitable)

    async def wait() -> _T:
        return await awaitable

    return wait()


async def _of_a_future(future: asyncio.Future[_T]) -> _T:
    try:
        return await future
    except RuntimeError as error:
        if future.done() or isinstance(error, SimulError) or future.get_loop() is asyncio.get_running_loop():
            raise
        # As asyncio's own tasks do where they go on: it can be awaited later, where its loop runs.
        future._asyncio_future_blocking = False
        raise InvalidError(
            f"{future!r} belongs to another event loop: await it there, or reach that loop by a simul.Portal or "
            "asyncio.run_coroutine_threadsafe"
        ) from None


async def _limited(coroutine: Coroutine[Any, Any, _T], seconds: float) -> _T:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await coroutine
    except TimeoutError:
        raise
    except builtins.TimeoutError as error:
        if limit.expired() and isinstance(error.__cause__, asyncio.CancelledError):
            raise TimeoutError(f"it did not end within {seconds} s and was cancelled") from None
        raise
