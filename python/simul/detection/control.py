"""``simul.debug()``: turning detection on and off."""

from __future__ import annotations

import asyncio
import atexit
import functools
import logging
import os
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

from simul.detection.forgotten import Forgotten, left_over
from simul.detection.report import Report
from simul.detection.switch import exiting, switch
from simul.detection.watchdog import ORIGIN_DEPTH, Watchdog
from simul.errors import InvalidError

__all__ = ["Debug", "debug"]

_log = logging.getLogger("simul.debug")

DEFAULT_THRESHOLD_SECONDS = 0.1
# What is kept for reading; a loop that is held up all day must not fill the memory.
_KEPT = 1000

_active: list[Debug] = []
_changing = threading.RLock()
_forgotten = Forgotten()


class Debug:
    """Detection that is on: made by :func:`debug`.

    Reports are in ``reports``, oldest first, at most 1000 of them; each is also logged to ``simul.debug`` as a warning.
    As a context manager, it is off again at the end of the block.
    """

    def __init__(self, threshold: float, on_report: Callable[[Report], object] | None) -> None:
        self.threshold = threshold
        self.reports: list[Report] = []
        self._on_report = on_report
        self.watchdog = Watchdog(threshold, self._blocked)
        self._depth: int | None = None

    @property
    def missed(self) -> int:
        """How often a loop stood still and turned again before the watchdog could look."""
        return self.watchdog.missed

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch a loop that cannot be found by itself; see :mod:`simul.detection.finder`."""
        self.watchdog.watch(loop)

    def settle(self) -> None:
        """Wait until a look that is under way has been told."""
        self.watchdog.settle()

    def stop(self) -> None:
        """Turn it off; again, it does nothing."""
        with _changing:
            if self not in _active:
                return
            _active.remove(self)
            switch.listeners.remove(self._listen)
            switch.watchers.remove(self.watch)
            self.watchdog.stop()
            if self._depth is not None:
                sys.set_coroutine_origin_tracking_depth(self._depth)
            if not _active:
                _turn_off()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Turn it on; :func:`debug` does."""
        with _changing:
            if not _active:
                _turn_on()
            _active.append(self)
            switch.listeners.append(self._listen)
            switch.watchers.append(self.watch)
            depth = sys.get_coroutine_origin_tracking_depth()
            if depth < ORIGIN_DEPTH:
                self._depth = depth
                sys.set_coroutine_origin_tracking_depth(ORIGIN_DEPTH)
            self.watchdog.start()

    def _listen(self, report: Report) -> None:
        self._keep(report)
        self._hand_on(report)

    def _keep(self, report: Report) -> None:
        if len(self.reports) < _KEPT:
            self.reports.append(report)

    def _hand_on(self, report: Report) -> None:
        if self._on_report is not None:
            try:
                self._on_report(report)
            except Exception:  # noqa: BLE001  (whoever found it must go on)
                _log.exception("exception calling on_report")

    def _blocked(self, report: Report) -> None:
        # Kept first: a loop may be held up inside of a log handler, whose lock this would wait for.
        self._keep(report)
        _log.warning("%s", report)
        self._hand_on(report)

    def after_fork(self) -> None:
        """In a child: the parent's thread is not here."""
        self.watchdog = Watchdog(self.threshold, self._blocked)
        self.watchdog.start()


def debug(
    threshold: float | timedelta = DEFAULT_THRESHOLD_SECONDS,
    *,
    loop: asyncio.AbstractEventLoop | None = None,
    on_report: Callable[[Report], object] | None = None,
) -> Debug:
    """Name what blocks event loops, and report work that was forgotten.

    Every loop that turns is watched, asyncio's and uvloop's, on any thread. A report names the line that holds a loop
    up, its task and its stack. Coroutines, operations and Jobs that nobody waited for, errors that nobody read, and
    tasks and Jobs that are left at exit are reported with the line that made them.

    Args:
        threshold: Seconds, or a timedelta, for which a loop may stand still; above 0, default 0.1. What is shorter is
            never reported; what is one and a half times as long always is.
        loop: A loop to watch that cannot be found by itself: a uvloop made by hand after this call and kept in an
            attribute (Python 3.14 and newer only; before, each loop with a task is found).
        on_report: Called with each report, on the thread that found it (mostly the watchdog's), after it was logged.

    Returns:
        A handle with the ``reports``; ``stop()`` ends it, and so does the end of a ``with`` block. Without either it
        goes on until the process ends.

    Raises:
        simul.InvalidError: ``threshold`` is not above 0.

    Threads and loops:
        Any thread; one more thread and one timer on each loop while it is on. A forked child goes on with it.

    Cost:
        Off: nothing is loaded, no thread, no hook. On: a beat on each loop every fifth of the threshold, and a look at
        all threads as often; the figures are in ``docs/detection.md``.

    Example:
        >>> import asyncio, threading, simul
        >>> async def main():
        ...     with simul.debug(threshold=0.01, on_report=lambda report: seen.set()) as watch:
        ...         seen.wait()  # holds the loop up, until that has been reported
        ...     return [report.kind for report in watch.reports]
        >>> import logging
        >>> logging.getLogger("simul.debug").disabled = True
        >>> seen = threading.Event()
        >>> asyncio.run(main())
        ['blocked']
    """
    seconds = threshold.total_seconds() if isinstance(threshold, timedelta) else float(threshold)
    if not seconds > 0 or seconds > threading.TIMEOUT_MAX:
        raise InvalidError(f"threshold must be above 0 seconds, not {seconds}")
    started = Debug(seconds, on_report)
    if loop is not None:
        started.watch(loop)
    started.start()
    return started


def _log_forgotten(report: Report) -> None:
    _log.warning("%s", report)


def _turn_on() -> None:
    switch.listeners.append(_log_forgotten)
    switch.at_exit = _look_at_exit
    _forgotten.start()
    atexit.register(exiting)
    _register_fork()


def _turn_off() -> None:
    _forgotten.stop()
    switch.listeners.remove(_log_forgotten)
    switch.at_exit = None
    atexit.unregister(exiting)


def _look_at_exit() -> None:
    """Once, before anything is torn down."""
    for watching in _active:
        watching.watchdog.stop()
    for report in left_over():
        switch.tell(report)


@functools.cache
def _register_fork() -> None:
    # Cannot be taken back; it does nothing while detection is off.
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    global _changing  # noqa: PLW0603  (the parent's may be held by a thread that is not here)
    _changing = threading.RLock()
    for watching in _active:
        watching.after_fork()
