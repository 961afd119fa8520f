"""Where the work of a flight runs that plain code has begun: on a loop of its own, which that thread turns meanwhile.

If that thread leaves while others wait, a thread of ours takes the loop over, in the middle of the work.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
import os
import signal
import sys
import threading
from asyncio import AbstractEventLoop, Task
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, Self

from simul import _simul
from simul.errors import TimeoutError  # noqa: A004  (asyncio's name)
from simul.sync.flight import Call, Run

__all__ = ["EXPIRED", "lead_elsewhere", "lead_here"]

EXPIRED: Final = "SmartLock.run_once() did not end in time; the work goes on if anybody else waits for it"


class _Kept:
    """A loop of this thread between two flights. It lives in thread-local storage: the end of its thread closes it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        # Not for this thread to close: another has taken it over.
        self.handed_over = False
        self.thread = threading.get_ident()
        self.process = os.getpid()

    def __del__(
        self,
        # Kept here: at the interpreter's end the module may be empty by now.
        get_ident: Callable[[], int] = threading.get_ident,
        getpid: Callable[[], int] = os.getpid,
        is_finalizing: Callable[[], bool] = sys.is_finalizing,
        leave_alone: Callable[[object], None] = _simul.leave_alone,
    ) -> None:
        if self.handed_over or self.loop.is_closed():
            return
        if get_ident() == self.thread and getpid() == self.process and not is_finalizing():
            _close(self.loop)
        else:
            # Its destructor would take descriptors out of the selector that a forked child shares with its parent.
            leave_alone(self.loop)


class _Here(threading.local):
    kept: _Kept | None = None


_here = _Here()


@atexit.register
def _close_the_main_threads() -> None:
    # Its thread-local storage goes when the interpreter is half gone.
    kept, _here.kept = _here.kept, None
    if kept is not None and kept.process == os.getpid():
        # Python has joined the executor's threads by now, and from 3.12 on lets nobody start the one that would wait.
        _close(kept.loop, executor_has_ended=True)


def _take_loop() -> _Kept:
    kept, _here.kept = _here.kept, None
    if kept is None or kept.process != os.getpid() or kept.loop.is_closed():
        return _Kept()
    return kept


def _close(loop: AbstractEventLoop, *, executor_has_ended: bool = False) -> None:
    """Cancel what is left on a loop, finish its async generators, and close it."""
    if loop.is_closed():
        return
    try:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        for task in left:
            if not task.cancelled() and (error := task.exception()) is not None:
                message = "a task that was left behind by the work of a SmartLock failed at its end"
                loop.call_exception_handler({"message": message, "exception": error, "task": task})
        loop.run_until_complete(loop.shutdown_asyncgens())
        if not executor_has_ended:
            loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


class _Interrupt:
    """Ctrl-C while the main thread turns a loop: noted, and raised by whoever turns it; a second one at once."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self.seen = False
        self.installed = False

    def __enter__(self) -> Self:
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            with contextlib.suppress(ValueError):  # another interpreter's thread
                signal.signal(signal.SIGINT, self.note)
                self.installed = True
        return self

    def __exit__(self, *_raised: object) -> None:
        if self.installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def note(self, _number: int, _frame: FrameType | None) -> None:
        if self.seen:
            raise KeyboardInterrupt
        self.seen = True
        self.loop.call_soon_threadsafe(self.loop.stop)


def lead_here(run: Run, seat: Any, call: Call, timeout: float | None) -> Any:
    """Turn a loop of this thread until the work has ended; the thread has no running loop.

    Raises:
        TimeoutError: The time was up first; the work goes on elsewhere if anybody waits.
        KeyboardInterrupt: Likewise.
    """
    kept = _take_loop()
    loop = kept.loop
    task = run.prepare(loop, call, contextvars.copy_context())
    expired = False

    def expire() -> None:
        nonlocal expired
        expired = True
        loop.stop()

    timer = None if timeout is None else loop.call_later(timeout, expire)
    try:
        with _Interrupt(loop) as interrupt:
            while not (task.done() or expired or interrupt.seen):
                loop.run_forever()
            if interrupt.seen and not task.done():
                raise KeyboardInterrupt
        if task.done():
            return seat.wait()
        raise TimeoutError(EXPIRED)
    finally:
        if timer is not None:
            timer.cancel()
        _leave(kept, run, seat, task)
        # The outcome's traceback must not hold what this frame holds.
        del run, seat, task, kept, timer


def _leave(kept: _Kept, run: Run, seat: Any, task: Task[None]) -> None:
    """Wait no longer: the loop is kept for the next time, or goes to a thread that sees the work to its end."""
    seat.close()
    loop = kept.loop
    try:
        if not task.done() and run.lead.unwanted():
            # Nobody else waits: its clean-up belongs to this call.
            with _Interrupt(loop) as interrupt:
                while not (task.done() or interrupt.seen):
                    loop.run_forever()
    finally:
        if not task.done():
            _hand_over(kept, task)
        elif asyncio.all_tasks(loop):
            # What the work has left behind ends with it: no later work on this thread is to be disturbed by it.
            _close(loop)
        else:
            _here.kept = kept


def _hand_over(kept: _Kept, task: Task[None]) -> None:
    kept.handed_over = True
    threading.Thread(target=_finish, args=(kept.loop, task), name="simul-flight", daemon=True).start()


def _finish(loop: AbstractEventLoop, task: Task[None]) -> None:
    """Turn a loop until the work on it has ended, and close it."""
    while not task.done():
        loop.run_forever()
    _close(loop)


def lead_elsewhere(run: Run, seat: Any, call: Call, timeout: float | None, outer: AbstractEventLoop) -> Any:
    """Let a thread of ours do the work, and wait; for plain code that holds up a running loop, ``outer``.

    Nothing there may wait for that loop: it stands still until this returns.
    """
    loop = asyncio.new_event_loop()
    loop.call_soon(_simul._block_loop, outer)  # pyright: ignore[reportPrivateUsage]
    task = run.prepare(loop, call, contextvars.copy_context())
    threading.Thread(target=_finish, args=(loop, task), name="simul-flight", daemon=True).start()
    try:
        return seat.wait(timeout)
    finally:
        with contextlib.suppress(RuntimeError):  # it has ended, and is closed
            loop.call_soon_threadsafe(_simul._unblock_loop, outer)  # pyright: ignore[reportPrivateUsage]
        del run, seat, task
