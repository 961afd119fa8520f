"""Detection around one test: what was found in each phase of it."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Generator
from types import TracebackType
from typing import Self

from simul.detection.control import Debug, debug
from simul.detection.forgotten import hearing, identities, left_over
from simul.detection.report import Report

__all__ = ["Gathering"]

# Nobody in particular is to blame for these: they are logged, and fail no test.
_BLAMELESS = {"starved"}
_BLOCKING = {"blocked", "nested"}


class _Asyncio(logging.Handler):
    """What asyncio itself says of tasks that were lost."""

    def __init__(self, found: list[Report]) -> None:
        super().__init__(logging.ERROR)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "was destroyed but it is pending" in message:
            self._found.append(Report("pending-task", message))
        elif "exception was never retrieved" in message:
            self._found.append(Report("unread-error", message))


class Gathering:
    """Detection that is on for one test.

    Args:
        threshold: As in ``simul.debug``.
        may_block: The test may hold loops up.
    """

    def __init__(self, threshold: float, *, may_block: bool) -> None:
        self._threshold = threshold
        self._may_block = may_block
        self._debug: Debug | None = None
        self._phases: dict[str, list[Report]] = {}

    def __enter__(self) -> Self:
        self._debug = debug(self._threshold)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._debug is not None:
            self._debug.stop()

    @contextlib.contextmanager
    def phase(self, name: str) -> Generator[None]:
        """What is found in this block belongs to the phase."""
        if self._debug is None:
            raise RuntimeError("enter the Gathering first")
        first = len(self._debug.reports)
        lost: list[Report] = []
        handler = _Asyncio(lost)
        logger = logging.getLogger("asyncio")
        before = identities() if name == "call" else None
        logger.addHandler(handler)
        try:
            with hearing():
                yield
                gc.collect()
        finally:
            logger.removeHandler(handler)
            self._debug.settle()
            found = [*self._debug.reports[first:], *lost]
            if before is not None:
                # A coroutine that a failing test leaves in its traceback was not forgotten by anybody.
                found += left_over(seen=before)
            self._phases[name] = [report for report in found if self._counts(report)]

    def _counts(self, report: Report) -> bool:
        return report.kind not in _BLAMELESS and not (self._may_block and report.kind in _BLOCKING)

    def found(self, phase: str) -> list[Report]:
        """What was found in a phase that has ended."""
        return self._phases.get(phase, [])
