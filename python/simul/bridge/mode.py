"""Saying whether calls are made by sync or by async code, where looking for a running loop is not enough."""

from __future__ import annotations

from simul import _simul

__all__ = ["is_async_context", "set_async", "set_sync"]


def set_sync(active: bool = True) -> None:  # noqa: FBT001, FBT002  (the name and place that users know)
    """Let calls of ``smartasync`` functions run to their end and return results, whether or not a loop is running.

    Args:
        active: False goes back to looking for a running loop.

    Threads and loops:
        Holds for this context (as a context variable does), on this thread, with the loop that runs here now; in new
        threads and on other loops it says nothing.

    Example:
        >>> import simul
        >>> simul.set_sync()
        >>> simul.is_async_context()
        False
        >>> simul.set_sync(False)
    """
    _simul.set_mode(False if active else None)


def set_async(active: bool = True) -> None:  # noqa: FBT001, FBT002  (as above)
    """Let calls of ``smartasync`` functions return coroutines, whether or not a loop is running.

    Args:
        active: False goes back to looking for a running loop.

    Threads and loops:
        As for :func:`set_sync`.

    Example:
        >>> import simul
        >>> simul.set_async()
        >>> simul.is_async_context()
        True
        >>> simul.set_async(False)
    """
    _simul.set_mode(True if active else None)


def is_async_context() -> bool:
    """Tell whether a ``smartasync`` function that is called here returns a coroutine.

    Returns:
        What :func:`set_sync` or :func:`set_async` said for this place; else whether a loop is running on this thread.

    Example:
        >>> import simul
        >>> simul.is_async_context()
        False
    """
    return _simul.is_async_context()
