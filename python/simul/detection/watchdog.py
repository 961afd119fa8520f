"""The watchdog: each loop beats as long as it turns, and a thread looks for beats that stay out.

A beat is a timer on the loop itself. The watchdog's thread needs the interpreter in order to look; where the culprit
holds it, the thread looks the moment it is let go, which is at the very call that held it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from simul.detection import stack
from simul.detection.finder import Finder, Turning
from simul.detection.report import Report, Site

__all__ = ["Watchdog", "Watched"]

_log = logging.getLogger("simul.debug")

# How many looks at a loop that is held up are kept, and how deep the origin of coroutines is recorded.
_LOOKS = 8
ORIGIN_DEPTH = 4
# A loop whose clock is further off than this has a clock of its own, which a beat would drive.
_FOREIGN_CLOCK_SECONDS = 5.0


@dataclass(slots=True, frozen=True)
class _Look:
    """What the thread of a loop did at one moment."""

    kind: str
    stack: tuple[Site, ...]
    site: Site | None
    task: str | None
    waits_for: tuple[str, ...]


class Watched:
    """One loop, its last beat, and what was seen since."""

    def __init__(self, loop: asyncio.AbstractEventLoop, watchdog: Watchdog) -> None:
        self._loop = weakref.ref(loop)
        self._watchdog = watchdog
        self._origin_before: int | None = None
        self.thread: int | None = None
        self.thread_name: str | None = None
        self.beats = 0
        self.at = watchdog.clock()
        self.armed = False
        self.turning = True
        self.looks: list[_Look] = []
        self.report: Report | None = None
        # Since when it has stood where it stands now, and what has been told since the last beat.
        self.there_since = 0.0
        self.told: set[tuple[str, Site | None]] = set()

    def arm(self) -> None:
        """Ask the loop for its first beat."""
        loop = self._loop()
        if loop is None:
            return
        self.armed = True
        with contextlib.suppress(RuntimeError):  # it was closed meanwhile
            loop.call_soon_threadsafe(self.beat)

    def moved_on(self) -> None:
        """What was reported is over, and the loop is held up elsewhere, without a turn between."""
        if self.report is not None:
            self.report.seconds = self.there_since - self.at
            self.report.ended = True
        self.at = max(self.at, self.there_since)

    def beat(self) -> None:
        """Run by the loop, on its thread."""
        loop, watchdog = self._loop(), self._watchdog
        if loop is None:
            return
        now = watchdog.clock()
        if self.report is not None:
            self.report.seconds = now - self.at
            self.report.ended = True
            watchdog.ended.append(self.report)
            self.report = None
        elif now - self.at >= watchdog.threshold + 2 * watchdog.interval and self.beats and self.turning:
            watchdog.missed += 1
        self.beats += 1
        self.at = now
        self.looks.clear()
        self.told.clear()
        # Its name is found at the next look: asking for it here would make up a thread where Python did not start it.
        self.thread = threading.get_ident()
        if not watchdog.is_on:
            if self._origin_before is not None:
                sys.set_coroutine_origin_tracking_depth(self._origin_before)
                self._origin_before = None
            self.armed = False
            return
        if abs(loop.time() - time.monotonic()) > _FOREIGN_CLOCK_SECONDS:
            watchdog.refuse(loop)
            return
        depth = sys.get_coroutine_origin_tracking_depth()
        if depth < ORIGIN_DEPTH:
            # This setting belongs to the thread; only code on the thread can change it.
            self._origin_before = depth
            sys.set_coroutine_origin_tracking_depth(ORIGIN_DEPTH)
        loop.call_later(watchdog.interval, self.beat)


class Watchdog:
    """Looks at every loop that turns.

    Args:
        threshold: Seconds for which a loop may stand still.
        tell: Called with each new report.
        clock: Where seconds come from.
    """

    def __init__(
        self, threshold: float, tell: Callable[[Report], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self.threshold = threshold
        self.is_on = True
        self.missed = 0
        self.ended: list[Report] = []
        self._asked: list[tuple[asyncio.AbstractEventLoop, int]] = []
        self.finder = Finder()
        self._tell = tell
        self._watched: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Watched] = weakref.WeakKeyDictionary()
        self._refused: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        self._last = clock()
        self._stop = threading.Event()
        self._looking = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def interval(self) -> float:
        """Seconds between beats, and between looks."""
        return min(max(self.threshold / 5, 0.005), 0.1)

    def start(self) -> None:
        """Start the thread that looks."""
        self.finder.meet_all()
        self._thread = threading.Thread(target=self._run, name="simul-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; loops lose their beat at the next one."""
        self.is_on = False
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1)
        self._say_what_ended()

    def refuse(self, loop: asyncio.AbstractEventLoop) -> None:
        """Leave a loop alone."""
        self._watched.pop(loop, None)
        self._refused.add(loop)

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch a loop that cannot be found by itself; mostly called on its thread."""
        self._asked.append((loop, threading.get_ident()))

    def _run(self) -> None:
        while not self._stop.is_set():
            # A thread that was held back before its sleep looks at once: the culprit is still at the call.
            left = self._last + self.interval - self.clock()
            if left > 0 and self._stop.wait(left):
                return
            try:
                self.look()
            except Exception:  # noqa: BLE001  (it goes on)
                _log.exception("the watchdog could not look")

    def look(self) -> None:
        """One look at all loops; the thread does this at each interval."""
        with self._looking:
            for report in self._look():
                self._tell(report)
            self._say_what_ended()

    def settle(self) -> None:
        """Wait until a look that is under way has been told."""
        with self._looking:
            pass

    def _look(self) -> list[Report]:
        now, before = self.clock(), self._last
        self._last = now
        starved = now - before >= self.threshold + self.interval
        found, places = self._see(now, before if starved else now)
        # From here on the interpreter may be let go, and the frames may go on.
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        reports: list[Report] = []
        for one in found:
            watched = self._watched[one.loop]
            if one.thread is not None:
                watched.thread_name = names.get(one.thread)
            if one.loop in places:
                report = self._judge(one, watched, now, places[one.loop])
                if report is not None:
                    reports.append(report)
            if not watched.armed:
                watched.arm()
        return reports

    def _see(self, now: float, since: float) -> tuple[list[Turning], dict[asyncio.AbstractEventLoop, tuple[Site, ...]]]:
        """Which loops turn, and where those stand that are late.

        Does nothing that lets the interpreter go: whoever held it until now is still at the call that did.
        """
        while self._asked:
            self.finder.meet(*self._asked.pop())
        known = {loop: one.thread for loop, one in list(self._watched.items()) if one.thread is not None}
        found = [one for one in self.finder.turning(known) if one.loop not in self._refused]
        places: dict[asyncio.AbstractEventLoop, tuple[Site, ...]] = {}
        turning = {one.loop for one in found}
        for loop, watched in list(self._watched.items()):
            if loop not in turning:
                watched.turning = False
        for one in found:
            known_as = self._watched.get(one.loop)
            watched = Watched(one.loop, self) if known_as is None else known_as
            if known_as is None:
                self._watched[one.loop] = watched
                # Where nobody could look for so long, it may have stood still since the look before.
                watched.at = since
            elif not watched.turning:
                watched.at = max(watched.at, since)
            watched.turning = True
            if one.thread is not None:
                watched.thread = one.thread
            if now - watched.at > self.interval:
                seen = tuple(stack.as_site(frame) for frame in one.step)
                if not one.has_moved():
                    places[one.loop] = seen
        return found, places

    def _judge(self, one: Turning, watched: Watched, now: float, places: tuple[Site, ...]) -> Report | None:
        beats, overdue = watched.beats, now - watched.at - self.interval
        place, before = _place(one, places), watched.report
        if before is not None:
            before.seconds = overdue + self.interval
            if place[0] == "starved" or place in watched.told:
                watched.looks.clear()
                return None
            # One step may stand in several places, and the first need not be the worst: an import, then a nested call.
            if not watched.looks or (watched.looks[-1].kind, watched.looks[-1].site) != place:
                watched.looks.clear()
                watched.there_since = now
            overdue = now - watched.there_since
        if len(watched.looks) >= _LOOKS:
            del watched.looks[0]
        watched.looks.append(_look_at(one, places, *place))
        if overdue < self.threshold or watched.beats != beats:
            return None
        if before is not None:
            watched.moved_on()
        watched.report = _report(watched, overdue)
        watched.told.add((watched.report.kind, watched.report.site))
        watched.looks.clear()
        return watched.report

    def _say_what_ended(self) -> None:
        while self.ended:
            report = self.ended.pop(0)
            _log.warning(
                "the event loop of %s turns again; it stood still for %.3f s, at %s",
                report.thread, report.seconds, report.site,
            )  # fmt: skip


def _place(one: Turning, places: tuple[Site, ...]) -> tuple[str, Site | None]:
    """What tells one culprit from another: the kind of the report, and its line."""
    if one.inner is not None:
        return "nested", stack.culprit(places)
    return ("starved", None) if stack.is_idle(places) else ("blocked", stack.culprit(places))


def _look_at(one: Turning, places: tuple[Site, ...], kind: str, site: Site | None) -> _Look:
    if kind == "starved":
        threads = stack.threads()
        threads.pop(threading.get_ident(), None)
        others = [tuple(stack.as_site(f) for f in stack.frames_of(frame)) for frame in threads.values()]
        return _Look(kind, (), None, None, tuple(f"a thread stands at {stack.culprit(other)}" for other in others))
    task = stack.current_task(one.loop, one.step)
    name = stack.task_name(task) if task is not None else None
    waiting = stack.awaits(one.inner) if one.inner is not None else ()
    return _Look(kind, places, site, name, waiting + stack.workers_waiting(one.loop))


def _report(watched: Watched, seconds: float) -> Report:
    """Say what was seen most often; of several, the latest."""
    counted = Counter((look.kind, look.site, look.task) for look in watched.looks)
    most = max(counted.values())
    look = next(one for one in reversed(watched.looks) if counted[one.kind, one.site, one.task] == most)
    thread = watched.thread_name or f"thread {watched.thread}"
    if look.kind == "starved":
        what = (
            f"the event loop of {thread} could not turn for {seconds:.3f} s though it had nothing to do: "
            "a call in another thread held the interpreter, or the machine did not run this process"
        )
    elif look.kind == "nested":
        what = f"the event loop of {thread} has stood still for {seconds:.3f} s: a nested call runs another loop inside"
    else:
        what = f"the event loop of {thread} has stood still for {seconds:.3f} s"
    if look.task is not None:
        what += f", in task {look.task}"
    if len({one.task for one in watched.looks}) > 1:
        what += "; several tasks ran meanwhile, this one was seen most often"
    return Report(
        kind=look.kind,  # type: ignore[arg-type]
        what=what,
        site=look.site,
        stack=look.stack,
        seconds=seconds,
        ended=False,
        task=look.task,
        thread=thread,
        waits_for=look.waits_for,
    )
