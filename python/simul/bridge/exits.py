"""The interpreter's exit while a daemon thread turns a loop in a call.

Until Python 3.13 a daemon thread is unwound when it comes back to an interpreter that is ending, and it must not be
unwound through compiled frames. So before the interpreter goes, such a thread is put to sleep in its loop, for good.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from asyncio import AbstractEventLoop

from simul import _simul

__all__ = ["begin", "finish"]

# How long the exit waits for threads that are in the middle of a step.
_PATIENCE_SECONDS = 0.5


class _Exits:
    def __init__(self) -> None:
        self.process = os.getpid()
        self.turning: set[AbstractEventLoop] = set()
        self.begun = False
        atexit.register(self.hook)

    def hook(self) -> None:
        if self.process != os.getpid():
            return
        self.begun = True
        for loop in list(self.turning):
            with contextlib.suppress(RuntimeError):  # it has been closed meanwhile
                loop.call_soon_threadsafe(self.park, loop)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.turning and time.monotonic() < deadline:
            time.sleep(0.001)

    def park(self, loop: AbstractEventLoop) -> None:
        self.turning.discard(loop)
        _simul.park_forever()


_exits: _Exits | None = None


def begin(loop: AbstractEventLoop) -> None:
    """This thread is about to turn a loop, under compiled frames."""
    global _exits  # noqa: PLW0603  (one for the process)
    if threading.get_ident() == threading.main_thread().ident:
        return
    if _exits is None or _exits.process != os.getpid():
        _exits = _Exits()
    if _exits.begun:
        _simul.park_forever()
    _exits.turning.add(loop)


def finish(loop: AbstractEventLoop) -> None:
    """It has been turned."""
    if _exits is not None:
        _exits.turning.discard(loop)
