"""Whether detection is on, and what other parts of simul tell it. Cheap to import; off, each call is one comparison."""

from __future__ import annotations

import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

from simul.detection.report import Report, Site

__all__ = ["Switch", "exiting", "origin", "switch", "thrown_away"]


@dataclass(slots=True)
class Switch:
    """Who listens.

    Args:
        listeners: Each is called with every report; empty while detection is off.
        watchers: Each is called with every loop that simul meets.
        at_exit: Called once while the process ends and everything can still be named.
    """

    listeners: list[Callable[[Report], object]] = field(default_factory=list)
    watchers: list[Callable[[AbstractEventLoop], object]] = field(default_factory=list)
    at_exit: Callable[[], object] | None = None

    def tell(self, report: Report) -> None:
        """Hand a report to everybody who listens."""
        for listener in list(self.listeners):
            listener(report)

    def meet(self, loop: AbstractEventLoop) -> None:
        """Let every watchdog know a loop."""
        for watcher in list(self.watchers):
            watcher(loop)


switch = Switch()


def origin() -> tuple[Site, ...] | None:
    """The stack of whoever makes something now, innermost first and simul's own lines left out.

    Returns:
        None while detection is off; hand it to :func:`thrown_away` when the thing has gone.
    """
    if not switch.listeners:
        return None
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    places: list[Site] = []
    while frame is not None and len(places) < 8:  # noqa: PLR2004  (enough to tell callers apart)
        name = frame.f_globals.get("__name__", "")
        if name != "simul" and not name.startswith("simul."):
            code = frame.f_code
            places.append(Site(code.co_filename, frame.f_lineno or 0, code.co_qualname))
        frame = frame.f_back
    return tuple(places)


def thrown_away(kind: str, made: tuple[Site, ...] | None, *, served: int) -> None:
    """A client has been closed or dropped: what a client object calls then.

    Args:
        kind: What it is, such as ``"HTTP client"``.
        made: What :func:`origin` gave when it was made.
        served: How many requests it has served; only one that served exactly one is worth a word, since making it
            anew for each request costs a connection each time.
    """
    if not switch.listeners or served != 1:
        return
    what = f"{kind} served one request and was thrown away: make one and share it"
    switch.tell(Report("thrown-away", what, made[0] if made else None, made or ()))


def exiting() -> None:
    """The process ends: called by whoever is about to drop work, before it does."""
    if switch.at_exit is not None:
        at_exit, switch.at_exit = switch.at_exit, None
        at_exit()
