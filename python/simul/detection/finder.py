"""Which event loops turn, and on which thread: read off the threads' frames, nothing is patched.

What can be seen: every loop that asyncio itself runs, by its frames. uvloop, which has no frames of its own, by
``asyncio.Runner`` (so ``asyncio.run``, ``uvloop.run``, pytest-asyncio); from Python 3.13 by the variable or attribute
that the function which runs it keeps it in; before Python 3.14 by its current task. Every loop that was alive when
detection began, that a Job or a primitive of simul was awaited on, or that was handed to ``simul.debug(loop=...)``.
"""

from __future__ import annotations

import asyncio
import asyncio.base_events
import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, cast

from simul.detection import stack

__all__ = ["Finder", "Turning"]

_base = asyncio.base_events.BaseEventLoop
_RUN_FOREVER = _base.run_forever.__code__
_RUN_ONCE: CodeType = vars(_base)["_run_once"].__code__
_RUNNER_RUN = asyncio.Runner.run.__code__
# Names under which functions that run a loop keep it. Before Python 3.13, asking a frame for its locals leaves a copy
# in it, which would keep alive what the function lets go: there, only asyncio's own two functions are asked.
_LOCAL_NAMES = ("loop", "event_loop", "runner", "self") if sys.version_info >= (3, 13) else ()
_ATTRIBUTES = ("_runner", "runner", "_loop", "loop")


@dataclass(slots=True)
class Turning:
    """A loop that turns, with what its thread does in it.

    Args:
        loop: The loop.
        thread: Identity of its thread; None if it is not known.
        step: The frames of the step that it runs, innermost first; empty while it waits for I/O.
        inner: The loop that runs nested in that step, if one does.
        top: The innermost frame of its thread and the instruction that it was at.
    """

    loop: asyncio.AbstractEventLoop
    thread: int | None
    step: list[FrameType]
    inner: asyncio.AbstractEventLoop | None = None
    top: tuple[FrameType, int] | None = None

    def has_moved(self) -> bool:
        """Whether its thread has gone on since: a look that is interrupted would put together what never was."""
        if self.top is None or self.thread is None:
            return False
        frame, instruction = self.top
        return stack.threads().get(self.thread) is not frame or frame.f_lasti != instruction


class Finder:
    """Finds the loops that turn; remembers those it has met, as long as others keep them."""

    def __init__(self) -> None:
        # With the thread that it was first met on; None where it is not known.
        self._met: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, int | None] = weakref.WeakKeyDictionary()
        self._names: dict[CodeType, tuple[str, ...]] = {}

    def meet(self, loop: asyncio.AbstractEventLoop, thread: int | None = None) -> None:
        """Remember a loop, and the thread that it is likely to turn on."""
        self._met[loop] = thread

    def meet_all(self) -> None:
        """Remember each loop of the process, by one walk over the collector's objects."""
        for loop in loops_alive():
            self._met.setdefault(loop, None)

    def turning(self, threads: dict[asyncio.AbstractEventLoop, int]) -> list[Turning]:
        """Look at each thread.

        Args:
            threads: Where loops are known to run, for those that have no frames.
        """
        found: dict[asyncio.AbstractEventLoop, Turning] = {}
        frames = stack.threads()
        frames.pop(threading.get_ident(), None)
        tops = {thread: (frame, frame.f_lasti) for thread, frame in frames.items()}
        stacks = {thread: stack.frames_of(frame) for thread, frame in frames.items()}
        del frames
        for thread, calls in stacks.items():
            for turning in self._of_thread(thread, calls):
                found.setdefault(turning.loop, turning)
                self._met.setdefault(turning.loop, thread)
        # Before 3.14 asyncio keeps the current task of each loop in one dictionary, whatever the loop is made of.
        current: dict[Any, Any] = getattr(asyncio.tasks, "_current_tasks", {})
        for loop in [*current, *self._met]:
            if loop not in found and (loop in current or loop.is_running()):
                likely = threads.get(loop) or self._met.setdefault(loop, None) or _likely(stacks, found)
                one = self._without_frames(loop, current.get(loop), likely, stacks)
                if current.get(loop) is None:
                    # A nested call leaves its task, and it is the loop outside that stands still without one.
                    one.inner = next((other.loop for other in found.values() if other.thread == one.thread), None)
                found[loop] = one
        for one in found.values():
            one.top = tops.get(one.thread) if one.thread is not None else None
        return list(found.values())

    def _of_thread(self, thread: int, calls: list[FrameType]) -> list[Turning]:
        found: list[Turning] = []
        start = 0  # where the step of the next loop begins
        turn = -1  # where a loop of asyncio runs one turn
        inner: asyncio.AbstractEventLoop | None = None
        ends: list[int] = []
        for place, frame in enumerate(calls):
            if frame.f_code is _RUN_ONCE:
                turn = place
            loop = _loop_run_by(frame)
            if loop is None:
                continue
            if loop is inner:
                start = ends[-1] = place + 1
            elif all(loop is not known.loop for known in found):
                found.append(Turning(loop, thread, calls[start : turn if turn >= start else place], inner))
                start, inner = place + 1, loop
                ends.append(start)
        exact = {one.loop for one in found}
        # The outermost function that names a loop runs it, or is inside of the step: it is shown too.
        named = {loop: place for place, frame in enumerate(calls) for loop in self._loops_named_in(frame)}
        for loop, place in named.items():
            if loop not in exact:
                before = [number for number, end in enumerate(ends) if end <= place]
                start = ends[before[-1]] if before else 0
                found.append(
                    Turning(loop, thread, calls[start : place + 1], found[before[-1]].loop if before else None)
                )
        return found

    def _loops_named_in(self, frame: FrameType) -> Iterator[asyncio.AbstractEventLoop]:
        code = frame.f_code
        names = self._names.get(code)
        if names is None:
            names = tuple(name for name in _LOCAL_NAMES if name in code.co_varnames)
            self._names[code] = names
        for name in names:
            held = frame.f_locals.get(name)
            if name == "self":
                attributes = _attributes_of(held)
                kept = [attributes.get(attribute) for attribute in _ATTRIBUTES]
            else:
                kept = [cast("object", held)]
            for one in kept:
                loop = getattr(one, "_loop", None) if type(one) is asyncio.Runner else one
                # By type: a proxy or a mock would be asked for its __class__.
                if issubclass(type(loop), asyncio.AbstractEventLoop):
                    known = cast("asyncio.AbstractEventLoop", loop)
                    if known.is_running():
                        yield known

    @staticmethod
    def _without_frames(
        loop: asyncio.AbstractEventLoop, task: Any, thread: int | None, stacks: dict[int, list[FrameType]]
    ) -> Turning:
        # The outermost frame of a task's step is its coroutine's.
        outermost = getattr(task.get_coro(), "cr_frame", None) if task is not None else None
        if outermost is not None:
            for ident, calls in stacks.items():
                if outermost in calls:
                    return Turning(loop, ident, calls[: calls.index(outermost) + 1])
        # Where its thread is known and nothing tells its own frames from its callers', all are shown.
        return Turning(loop, thread, stacks.get(thread, []) if thread is not None else [])


def _loop_run_by(frame: FrameType) -> asyncio.AbstractEventLoop | None:
    """The loop that one of asyncio's own functions runs."""
    code = frame.f_code
    if code is not _RUN_FOREVER and code is not _RUNNER_RUN:
        return None
    held = frame.f_locals.get("self")
    loop = held if code is _RUN_FOREVER else getattr(held, "_loop", None)
    return loop if isinstance(loop, asyncio.AbstractEventLoop) and loop.is_running() else None


def _attributes_of(held: object) -> dict[str, object]:
    """An object's own attributes, past properties and __getattr__, which would run the user's code."""
    try:
        return cast("dict[str, object]", object.__getattribute__(held, "__dict__"))
    except AttributeError:
        return {}


def _likely(stacks: dict[int, list[FrameType]], found: dict[asyncio.AbstractEventLoop, Turning]) -> int | None:
    """Where a loop turns that nothing is known of: on the main thread, or the only one that turns no other."""
    taken = {one.thread for one in found.values()}
    free = [thread for thread in stacks if thread not in taken]
    main = threading.main_thread().ident
    return main if main in free else free[0] if len(free) == 1 else None


def loops_alive() -> list[asyncio.AbstractEventLoop]:
    """Each event loop of the process, by one walk over the collector's objects."""
    # By type and not by isinstance, which would ask proxies and mocks for their __class__.
    return [held for held in gc.get_objects() if issubclass(type(held), asyncio.AbstractEventLoop)]
