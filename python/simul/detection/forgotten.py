"""Forgotten work: coroutines, operations and Jobs that nobody waited for, tasks and Jobs left over at the end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import re
import threading
import warnings
import weakref
from collections.abc import Callable, Generator, Iterable
from types import CoroutineType
from typing import Any, TextIO, cast

from simul import _simul
from simul.detection import stack
from simul.detection.finder import loops_alive
from simul.detection.report import Kind, Report, Site
from simul.detection.switch import exiting, switch

__all__ = ["Forgotten", "ending", "hearing", "identities", "left_over"]

# Python's own words, in warnings.py; with the origin of the coroutine below, where that was recorded.
_NEVER_AWAITED = re.compile(r"coroutine '(?P<name>[^']*)' was never awaited")
_ORIGIN_LINE = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>.+)$', re.MULTILINE)

_WHAT: dict[str, str] = {
    "never-awaited": "{name} was never awaited or waited for: await it, call .wait(), or .detach() it",
    "unread-error": "{name} failed and nobody asked how it ended: {detail}",
    "still-running": "{name} still ran when nobody could wait for it any more: await it, or .cancel() it",
    "thrown-away": "{name}: {detail}",
}


def _told(kind: str, name: Any, file: str | None, line: int, detail: str) -> None:
    """What the compiled module says, from destructors, at exit, and of loops that it meets."""
    if kind == "exit":
        exiting()
        return
    if kind == "loop":
        switch.meet(name)
        return
    site = Site(file, line) if file is not None else None
    known: Kind = kind  # type: ignore[assignment]
    what = _WHAT.get(kind, "{name}: {detail}").format(name=name, detail=detail)
    switch.tell(Report(known, what, site, (site,) if site is not None else ()))


def _of_warning(message: str, file: str, line: int) -> Report | None:
    found = _NEVER_AWAITED.match(message)
    if found is None:
        return None
    # The origin is told outermost first.
    origin = [Site(hit["file"], int(hit["line"]), hit["function"]) for hit in _ORIGIN_LINE.finditer(message)]
    places = tuple(reversed(origin)) or (Site(file, line),)
    return Report("never-awaited", f"coroutine {found['name']} was never awaited", stack.culprit(places), places)


class _Ear:
    """In the place of ``warnings.showwarning``: reports coroutines that were never awaited, hands on the rest."""

    def __init__(self, show: Callable[..., object]) -> None:
        self.show = show

    def __call__(  # noqa: PLR0917  (as it is in warnings)
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        report = _of_warning(str(message), filename, lineno) if issubclass(category, RuntimeWarning) else None
        if report is not None and switch.listeners:
            switch.tell(report)
        else:
            self.show(message, category, filename, lineno, file, line)


class Forgotten:
    """Hears of forgotten work while detection is on: the compiled module's hook and ``warnings.showwarning``."""

    def __init__(self) -> None:
        self._ear: _Ear | None = None

    def start(self) -> None:
        """Begin to listen."""
        _simul._watch_forgotten(_told)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        # Made to be replaced, says its documentation.
        self._ear = warnings.showwarning = _Ear(warnings.showwarning)

    def stop(self) -> None:
        """Listen no more."""
        _simul._watch_forgotten(None)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        if self._ear is not None and warnings.showwarning is self._ear:
            warnings.showwarning = self._ear.show  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]


@contextlib.contextmanager
def hearing() -> Generator[None]:
    """Hear of every coroutine that was never awaited, whatever the filters of warnings say."""
    with warnings.catch_warnings():
        warnings.filterwarnings("always", message="coroutine .* was never awaited", category=RuntimeWarning)
        if not isinstance(warnings.showwarning, _Ear):
            warnings.showwarning = _Ear(warnings.showwarning)
        yield


def left_over(*, seen: set[int] | None = None) -> list[Report]:
    """Everything that is left over now.

    Args:
        seen: Identities of what was there before, and is not reported; None at exit, where detached Jobs count too.

    Cost:
        One walk over the collector's objects.
    """
    before = seen or set()
    reports: list[Report] = []
    for found in gc.get_objects():
        kind = cast("object", type(found))
        if kind is CoroutineType:
            report = _of_coroutine(found) if id(found) not in before else None
        elif kind is _simul.Job:
            report = _of_job(found, detached=seen is None) if id(found) not in before else None
        else:
            continue
        if report is not None:
            reports.append(report)
    reports += [_of_task(task) for task in _pending_tasks() if id(task) not in before and task not in _told_of]
    if seen is None:
        reports += _running_workers()
    return reports


_told_of: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()


def ending(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """A per-thread loop is about to cancel what is left on it: what its closing calls first."""
    if not switch.listeners:
        return
    for task in tasks:
        if _code_is_user(task.get_coro()) and task not in _told_of:
            _told_of.add(task)
            switch.tell(_of_task(task))


def _running_workers() -> list[Report]:
    """The workers of ``to_thread`` that are in the middle of a function."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    reports: list[Report] = []
    for ident, frame in stack.threads().items():
        places = tuple(stack.as_site(held) for held in stack.frames_of(frame))
        if names.get(ident, "").startswith("simul-worker-") and (place := stack.culprit(places)) is not None:
            if stack.is_own(place.file):
                continue  # it waits for something to do
            what = f"the worker {names[ident]} still ran a function that nobody waits for any more"
            reports.append(Report("still-running", what, place, places, thread=names[ident]))
    return reports


def identities() -> set[int]:
    """What :func:`left_over` may be told to pass over."""
    kinds: tuple[object, ...] = (CoroutineType, _simul.Job)
    return {id(held) for held in gc.get_objects() if type(held) in kinds} | {id(task) for task in _pending_tasks()}


def _pending_tasks() -> list[asyncio.Task[Any]]:
    """The tasks of open loops that are not done and run code of the user's."""
    found: list[asyncio.Task[Any]] = []
    for loop in loops_alive():
        if loop.is_closed():
            continue
        try:
            tasks = asyncio.all_tasks(loop)
        except RuntimeError:
            continue  # another thread made tasks faster than they could be listed
        found += [task for task in tasks if _code_is_user(task.get_coro())]
    return found


def _code_is_user(coroutine: object) -> bool:
    code = getattr(coroutine, "cr_code", None)
    return code is not None and stack.is_user(code.co_filename)


def _origin(coroutine: Any) -> tuple[Site, ...]:
    made = getattr(coroutine, "cr_origin", None) or ()
    return tuple(Site(file, line, function) for file, line, function in made)


def _of_coroutine(coroutine: Any) -> Report | None:
    if inspect.getcoroutinestate(coroutine) != inspect.CORO_CREATED or not _code_is_user(coroutine):
        return None
    # A task that has not made its first step yet holds one too, and speaks for it.
    if any(isinstance(holder, asyncio.Task) for holder in gc.get_referrers(coroutine)):
        return None
    places = _origin(coroutine) or (Site(coroutine.cr_code.co_filename, coroutine.cr_code.co_firstlineno),)
    what = f"coroutine {coroutine.__qualname__} was never awaited, and is still held"
    return Report("never-awaited", what, stack.culprit(places), places)


def _of_job(job: Any, *, detached: bool) -> Report | None:
    found = job._orphan()  # noqa: SLF001
    if found is None:
        return None
    kind, file, line, detail = found
    if detail == "detached" and kind == "still-running" and not detached:
        return None
    site = Site(file, line) if file is not None else None
    what = _WHAT[kind].format(name=f"Job {job.__name__}", detail=detail)
    return Report(kind, what, site, (site,) if site is not None else ())


def _of_task(task: asyncio.Task[Any]) -> Report:
    places, last = stack.waiting_sites(task)
    made = _origin(task.get_coro())
    what = f"task {stack.task_name(task)} is still pending, waiting for {last or 'its next step'}"
    if places:
        what += f" at {stack.culprit(tuple(places))}"
    site = stack.culprit(made) or stack.culprit(tuple(places))
    return Report("pending-task", what, site, made or tuple(places), task=task.get_name())
