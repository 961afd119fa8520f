"""Ctrl-C while a call turns its loop: the coroutine is cancelled, its ``finally`` runs, KeyboardInterrupt is raised."""

from __future__ import annotations

import asyncio
import functools
import signal
import sys
import threading
from asyncio import AbstractEventLoop, Task
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Watch"]

# The compiled functions: those of the module turn every handler and number into an enum and back, which costs more than
# all the rest of a call that waits once.
_compiled: Any = sys.modules["_signal"]
_get: Callable[[int], Any] = _compiled.getsignal
_set: Callable[[int, Any], Any] = _compiled.signal
_SIGINT = int(signal.SIGINT)
_DEFAULT = signal.default_int_handler


class Watch:
    """Listens for Ctrl-C on the main thread while a task is turned to its end.

    As ``asyncio.Runner`` does: only where Python's own handler stands, or that of a Runner or of a call further out,
    whose loop stands still. A handler of somebody else's stays.
    """

    __slots__ = ("before", "heard", "loop", "task")

    def __init__(self, loop: AbstractEventLoop, task: Task[Any]) -> None:
        self.loop = loop
        self.task: Task[Any] | None = task
        self.heard = 0
        self.before: Any = None

    def __enter__(self) -> None:
        # Not current_thread(): in the last moments of a thread that would make a new one up, and keep it.
        if threading.get_ident() != threading.main_thread().ident:
            return
        before = _get(_SIGINT)
        if before is _DEFAULT or _is_ours(before) or _is_a_runners(before):
            try:
                _set(_SIGINT, self.hear)
            except ValueError:  # not the main thread of the main interpreter
                return
            self.before = before

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.before is not None and _get(_SIGINT) == self.hear:
            _set(_SIGINT, self.before)
        task, self.task = self.task, None
        if error is None and self.heard and task is not None and task.cancelled() and task.uncancel() == 0:
            raise KeyboardInterrupt

    def hear(self, _signum: int, _frame: FrameType | None) -> None:
        """Handle SIGINT: cancel the first time; raise at once if that does not help."""
        self.heard += 1
        if self.heard == 1 and self.task is not None and not self.task.done():
            self.task.cancel()
            # The loop may be asleep in its selector.
            self.loop.call_soon_threadsafe(lambda: None)
            return
        raise KeyboardInterrupt


def _is_ours(handler: object) -> bool:
    return isinstance(getattr(handler, "__self__", None), Watch)


def _is_a_runners(handler: object) -> bool:
    function = handler.func if isinstance(handler, functools.partial) else None
    return getattr(function, "__func__", None) is asyncio.Runner._on_sigint  # type: ignore[attr-defined]
