"""From a worker of ``to_thread`` back to the event loop that awaits it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from simul.bridge.parent import Parent
from simul.bridge.to_thread import parent

__all__ = ["check_cancelled", "run", "run_sync"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def run(function: Callable[_P, Awaitable[_T]], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run a coroutine function on the loop that awaits this worker, and wait here for its result.

    Args:
        function: A coroutine function, or any function that returns an awaitable; called on the loop.
        args: Its arguments.
        kwargs: Its keyword arguments.

    Returns:
        What it returns.

    Raises:
        RuntimeError: This thread is no worker of ``simul.to_thread``.
        simul.ClosedError: The loop has been closed, before or meanwhile.
        asyncio.CancelledError: The task that awaits this worker was cancelled.
        BaseException: Whatever the function raises: the same object.

    Cancellation:
        A cancel of the task that awaits this worker cancels the coroutine. One that came while no coroutine ran is
        raised by the next ``run``, once: what a ``finally`` calls after that runs as usual.

    Threads and loops:
        It runs in a task of its own, in the context that this worker is in. The worker gives its limiter's token back
        while it waits.

    Example:
        >>> import asyncio, simul
        >>> async def on_the_loop(number):
        ...     await asyncio.sleep(0)
        ...     return number * 2
        >>> def worker():
        ...     return simul.from_thread.run(on_the_loop, 21)
        >>> asyncio.run(simul.to_thread(worker))
        42
    """
    return _parent().run(_await(function, args, kwargs))


def run_sync(function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call a plain function on the thread of the loop that awaits this worker, and wait here for its result.

    Args:
        function: It must not block: the loop stands still while it runs.
        args: Its arguments.
        kwargs: Its keyword arguments.

    Returns:
        What it returns.

    Raises:
        RuntimeError: This thread is no worker of ``simul.to_thread``.
        simul.ClosedError: The loop has been closed, before or meanwhile.
        BaseException: Whatever the function raises: the same object.

    Cancellation:
        It runs also when the task that awaits this worker has been cancelled; :func:`run` and
        :func:`check_cancelled` raise that.

    Example:
        >>> import asyncio, simul
        >>> async def main():
        ...     done = asyncio.Event()
        ...     await simul.to_thread(simul.from_thread.run_sync, done.set)
        ...     return done.is_set()
        >>> asyncio.run(main())
        True
    """
    return _parent().run_sync(function, args, kwargs)


def check_cancelled() -> None:
    """Raise ``asyncio.CancelledError`` if the task that awaits this worker has been cancelled.

    Raises:
        RuntimeError: This thread is no worker of ``simul.to_thread``.
        asyncio.CancelledError: It has been cancelled; each call says so.

    Example:
        >>> import asyncio, simul
        >>> def count(numbers):
        ...     for number in numbers:
        ...         simul.from_thread.check_cancelled()
        ...     return number
        >>> asyncio.run(simul.to_thread(count, range(3)))
        2
    """
    _parent().check_cancelled()


def _parent() -> Parent:
    here = parent()
    if here is None:
        raise RuntimeError(
            "this thread is no worker of simul.to_thread, so no loop awaits it: use a simul.Portal to reach a loop "
            "from any thread, or simul.run() to run a coroutine here"
        )
    return here


async def _await(function: Callable[..., Awaitable[_T]], args: tuple[object, ...], kwargs: dict[str, object]) -> _T:
    return await function(*args, **kwargs)
