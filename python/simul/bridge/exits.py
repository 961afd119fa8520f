"""The interpreter's exit while daemon threads are in calls.

Until Python 3.13 a daemon thread is unwound when it comes back to an interpreter that is ending, and it must not be
unwound through compiled frames. So before the interpreter goes, such threads are put to sleep for good: in the loop
that they turn, or at their next call. One that is in the middle of a longer step sleeps when it comes back, by
``delivery/late.rs``.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
import weakref
from asyncio import AbstractEventLoop

from simul import _simul

__all__ = ["begin", "finish", "meet"]

# How long the exit waits for threads that are in the middle of a step.
_PATIENCE_SECONDS = 0.5


class _Exits:
    def __init__(self) -> None:
        self.process = os.getpid()
        # The loops of threads other than the main one, with the thread; the loops that are turned now; who sleeps.
        self.known: weakref.WeakKeyDictionary[_simul.ThreadLoop, int] = weakref.WeakKeyDictionary()
        self.turning: set[AbstractEventLoop] = set()
        self.asleep: set[int] = set()
        self.begun = False
        atexit.register(self.hook)

    def hook(self) -> None:
        if self.process != os.getpid():
            return
        self.begun = True
        _simul.refuse_calls()
        for loop in list(self.turning):
            with contextlib.suppress(RuntimeError):  # it has been closed meanwhile
                loop.call_soon_threadsafe(self.sleep)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline and (_simul.calls_beginning() or self.is_busy()):
            time.sleep(0.001)

    def is_busy(self) -> bool:
        return any(one.busy and thread not in self.asleep for one, thread in list(self.known.items()))

    def sleep(self) -> None:
        self.asleep.add(threading.get_ident())
        _simul.park_forever()


_exits: _Exits | None = None


def meet(loop: _simul.ThreadLoop) -> None:
    """This thread will run calls on this loop."""
    global _exits  # noqa: PLW0603  (one for the process)
    if threading.get_ident() == threading.main_thread().ident:
        return
    if _exits is None or _exits.process != os.getpid():
        _exits = _Exits()
    _exits.known[loop] = threading.get_ident()


def begin(loop: AbstractEventLoop) -> None:
    """This thread is about to turn a loop, under compiled frames."""
    if _exits is not None and threading.get_ident() != threading.main_thread().ident:
        _exits.turning.add(loop)
        if _exits.begun:
            _exits.sleep()


def finish(loop: AbstractEventLoop) -> None:
    """It has been turned."""
    if _exits is not None:
        _exits.turning.discard(loop)
