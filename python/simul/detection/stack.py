"""Stacks of threads and tasks, seen from another thread.

Frames are held for as short as can be: a frame that ends while somebody holds it gives its locals to the holder, whose
thread would then destroy them.
"""

from __future__ import annotations

import asyncio
import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from types import CoroutineType, FrameType
from typing import Any

from simul.detection.report import Site

__all__ = ["as_site", "awaits", "culprit", "current_task", "frames_of", "is_idle", "is_user", "task_name"]

_OWN = tuple({
    os.path.realpath(path) + os.sep
    for path in (
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("platstdlib"),
        os.path.dirname(os.path.dirname(__file__)),  # noqa: PTH120  (simul itself)
    )
})  # fmt: skip
_INSTALLED = tuple({
    os.path.realpath(path) + os.sep
    for path in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages())
})  # fmt: skip
_known: dict[str, int] = {}


def _distance(file: str) -> int:
    """0: the user's file. 1: an installed one. 2: Python's or simul's."""
    known = _known.get(file)
    if known is None:
        path = os.path.realpath(file)
        # What is installed stands inside of the folder of the standard library.
        known = 1 if path.startswith(_INSTALLED) else 2 if path.startswith(_OWN) or file.startswith("<frozen") else 0
        _known[file] = known
    return known


def is_user(file: str) -> bool:
    """Whether a file is the user's: neither Python's, nor simul's, nor installed."""
    return _distance(file) == 0


def is_own(file: str) -> bool:
    """Whether a file is Python's or simul's."""
    return _distance(file) == 2  # noqa: PLR2004  (as above)


def frames_of(frame: FrameType | None) -> list[FrameType]:
    """A frame and those that called it, innermost first."""
    found: list[FrameType] = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


def as_site(frame: FrameType) -> Site:
    """Where a frame stands now."""
    code = frame.f_code
    return Site(code.co_filename, frame.f_lineno or code.co_firstlineno, code.co_qualname)


def culprit(stack: tuple[Site, ...]) -> Site | None:
    """The innermost line of the user's; else of an installed package; else of all."""
    return min(stack, key=lambda place: _distance(place.file), default=None)


def is_idle(stack: tuple[Site, ...]) -> bool:
    """Whether the stack of a loop's step says that it waits for I/O: in its selector, or no step at all."""
    return not stack or (stack[0].function.endswith(".select") and stack[0].file.endswith("selectors.py"))


def current_task(loop: asyncio.AbstractEventLoop, frames: list[FrameType]) -> asyncio.Task[Any] | None:
    """The task whose step these frames are."""
    task = asyncio.current_task(loop)
    if task is not None:
        return task
    # A nested call leaves its task for as long as it runs.
    for task in _all_tasks(loop):
        frame = getattr(task.get_coro(), "cr_frame", None)
        if frame is not None and frame in frames:
            return task
    return None


def _all_tasks(loop: asyncio.AbstractEventLoop) -> set[asyncio.Task[Any]]:
    try:
        return asyncio.all_tasks(loop)
    except RuntimeError:
        # Another thread made tasks faster than they could be listed.
        return set()


def task_name(task: asyncio.Task[Any]) -> str:
    """A task's own name, and its coroutine's."""
    coroutine = task.get_coro()
    inner = getattr(coroutine, "__qualname__", None) or type(coroutine).__name__
    return f"{task.get_name()} ({inner})"


def _chain(coroutine: Any) -> Iterator[Any]:
    """A coroutine, what it awaits, and so on."""
    seen = 0
    while coroutine is not None and seen < 100:  # noqa: PLR2004  (deeper than a report is read)
        yield coroutine
        seen += 1
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "ag_await", None)


def waiting_sites(task: asyncio.Task[Any]) -> tuple[list[Site], str]:
    """Where a suspended task waits, innermost first, and for what."""
    places: list[Site] = []
    last = ""
    for awaited in _chain(task.get_coro()):
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if isinstance(frame, FrameType):
            places.append(as_site(frame))
        elif not isinstance(awaited, CoroutineType):
            last = getattr(awaited, "__qualname__", None) or type(awaited).__name__.removesuffix("Iter")
    return places[::-1], last


def awaits(loop: asyncio.AbstractEventLoop) -> tuple[str, ...]:
    """What each suspended task of a loop waits for, one line each."""
    found: list[str] = []
    for task in _all_tasks(loop):
        if task.done():
            continue
        places, last = waiting_sites(task)
        place = culprit(tuple(places))
        inner = places[0].function if places and places[0] is not place else last
        found.append(f"task {task_name(task)} waits for {inner or 'its next step'} at {place}")
    return tuple(sorted(found))


def workers_waiting(loop: asyncio.AbstractEventLoop) -> tuple[str, ...]:
    """Which functions of ``to_thread`` wait for this loop, one line each."""
    parent = sys.modules.get("simul.bridge.parent")
    # Without it there are no workers.
    waiting = set(parent.waiting_for(loop)) if parent is not None else set[int]()
    found: list[str] = []
    for thread in waiting & threads().keys():
        frame = threads().get(thread)
        place = culprit(tuple(as_site(one) for one in frames_of(frame)))
        del frame
        found.append(f"a function of to_thread() waits for the loop that stands still, at {place}")
    return tuple(sorted(found))


def threads() -> dict[int, FrameType]:
    """The innermost frame of each thread."""
    return sys._current_frames()  # noqa: SLF001  (the documented way to look at other threads)  # pyright: ignore[reportPrivateUsage]
