"""The event loops of a thread: made at the first call that needs one, closed when the thread ends, on that thread.

The compiled half runs a coroutine's first step; what needs the loop to turn is here.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
from asyncio import AbstractEventLoop, Task
from collections.abc import Callable, Coroutine
from typing import Any

from simul import _simul
from simul.bridge import exits, interrupt

__all__ = ["reset_smartasync_cache"]


class Loops:
    """What ends with a thread: its loop for calls, and side loops for calls that are nested.

    It lives in the interpreter's own record of the thread, so it is dropped by that thread's end, there.
    """

    __slots__ = ("depth", "main", "process", "sides", "thread")

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.process = os.getpid()
        # One for each depth of nesting, used again; the first `depth` of them are in use.
        self.sides: list[_simul.ThreadLoop] = []
        self.depth = 0
        self.main = _simul.ThreadLoop(asyncio.new_event_loop())
        exits.meet(self.main)

    def close(self) -> None:
        """End what is left on these loops, and close them. No loop may be running on this thread."""
        for one in (*reversed(self.sides), self.main):
            close(one)
        self.sides.clear()

    def __del__(
        self,
        # Kept here: at the interpreter's end the module may be empty by now.
        get_ident: Callable[[], int] = threading.get_ident,
        getpid: Callable[[], int] = os.getpid,
        is_finalizing: Callable[[], bool] = sys.is_finalizing,
        leave_alone: Callable[[object], None] = _simul.leave_alone,
    ) -> None:
        if not hasattr(self, "main"):
            return  # its loop could not be made
        if get_ident() == self.thread and getpid() == self.process and not is_finalizing():
            self.close()
        else:
            # Another process's selector, or another thread's loop: not even their destructors may run here.
            leave_alone((self.main, self.sides))


def loops_of_this_thread() -> Loops | None:
    """What this thread keeps, if it has called anything yet."""
    loops = _simul.thread_loops()
    return loops if isinstance(loops, Loops) else None


def renew() -> _simul.ThreadLoop:
    """Give this thread a loop, and close the one it had."""
    return _renewed().main


def _renewed() -> Loops:
    before = loops_of_this_thread()
    loops = Loops()
    _simul.keep_thread_loops(loops, loops.main)
    if before is not None and before.depth:
        # Nested calls are under way on its side loops: those go on being used.
        loops.sides, before.sides = before.sides, []
        loops.depth = before.depth
    if threading.current_thread() is threading.main_thread():
        _at_exit_of(os.getpid())
    return loops


class _AtFork(threading.local):
    """The tasks that are left on this thread's loops: in a forked child they are the parent's, and end there."""

    # Found before the fork: from Python 3.14 a child knows of no tasks.
    left: tuple[Task[Any], ...] = ()

    def before(self) -> None:
        loops = loops_of_this_thread()
        if loops is not None:
            self.left = tuple(task for one in (loops.main, *loops.sides) for task in asyncio.all_tasks(one.event_loop))

    def in_parent(self) -> None:
        self.left = ()

    def in_child(self) -> None:
        for task in self.left:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.left = ()


if hasattr(os, "register_at_fork"):
    _at_fork = _AtFork()
    os.register_at_fork(before=_at_fork.before, after_in_parent=_at_fork.in_parent, after_in_child=_at_fork.in_child)


_hooked: set[int] = set()


def _at_exit_of(process: int) -> None:
    # The main thread's record goes when the interpreter is half gone; and a forked child has its own main thread.
    if process not in _hooked:
        _hooked.add(process)
        atexit.register(_close_this_threads_loops)


def _close_this_threads_loops() -> None:
    loops = loops_of_this_thread()
    if loops is not None and loops.process == os.getpid():
        _simul.keep_thread_loops(None, None)
        _simul.outside_of_loops(loops.close)


def take_side_loop() -> _simul.ThreadLoop:
    """A loop for one nested call. No loop is marked as running."""
    loops = loops_of_this_thread()
    if loops is None or loops.main.inherited:
        loops = _renewed()
    if loops.depth < len(loops.sides) and not loops.sides[loops.depth].current:
        close(loops.sides.pop(loops.depth))
    if loops.depth == len(loops.sides):
        event_loop = asyncio.new_event_loop()
        event_loop.set_task_factory(_guarded_task)
        loops.sides.append(_simul.ThreadLoop(event_loop))
        exits.meet(loops.sides[-1])
    loops.depth += 1
    return loops.sides[loops.depth - 1]


def give_side_loop_back(side: _simul.ThreadLoop) -> None:
    """The nested call has ended."""
    loops = loops_of_this_thread()
    if loops is not None and not loops.main.inherited and side in loops.sides:
        loops.depth = loops.sides.index(side)


def can_turn(loop: AbstractEventLoop) -> bool:
    """Whether a call that is made here and now would run on this loop."""
    loops = loops_of_this_thread()
    if loops is None:
        return False
    if _simul.is_running():
        return loops.depth < len(loops.sides) and loops.sides[loops.depth].event_loop is loop
    return loops.main.event_loop is loop


def begin_steps(loop: AbstractEventLoop, steps: Coroutine[Any, Any, None]) -> tuple[Task[None], Callable[[], None]]:
    """A task that goes on in later calls; a loop of this thread is not renewed before the second is called."""
    loops = loops_of_this_thread()
    ours = [] if loops is None else [loops.main, *loops.sides]
    owned = next((one for one in ours if one.event_loop is loop), None)
    if owned is None:
        return loop.create_task(steps), lambda: None
    # Not by the loop's task factory, which is the user's: it may begin the task at once, or know of no contexts.
    coroutine: Any = steps if owned is ours[0] else _simul.guarded(steps)
    owned.hold()
    return asyncio.Task(coroutine, loop=loop, context=_simul.own_context()), owned.let_go


def _guarded_task(loop: AbstractEventLoop, coroutine: Any, **options: Any) -> Task[Any]:
    # Tasks that a nested coroutine starts must not wait for the blocked loop either.
    return asyncio.Task(_simul.guarded(coroutine), loop=loop, **options)


def turn(loop: AbstractEventLoop, task: Task[Any]) -> None:
    """Turn a loop until a task of the bridge is done; its last step stops the loop. Its outcome is read from the task.

    Raises:
        KeyboardInterrupt: Ctrl-C; the task was cancelled and has ended.
    """
    exits.begin(loop)
    try:
        with interrupt.Watch(loop, task):
            _turn_while_pending(loop, task)
    finally:
        exits.finish(loop)
        # On CPython 3.12 and early 3.13 the frame of a coroutine that failed leads (by `f_back`) to the frames that
        # stepped it, so this one stays as long as the error does: what it holds, the task with its error, would be
        # a cycle.
        del task


def _turn_while_pending(loop: AbstractEventLoop, task: Task[Any]) -> None:
    try:
        while not task.done():
            loop.run_forever()
    except BaseException as error:
        # What the task itself has raised (SystemExit, KeyboardInterrupt) is its outcome.
        if not task.done() or task.cancelled() or task.exception() is not error:
            raise
    finally:
        del task


def _turn_until_done(loop: AbstractEventLoop, task: Task[Any]) -> None:
    def stop(_: object) -> None:
        loop.stop()

    task.add_done_callback(stop)
    try:
        _turn_while_pending(loop, task)
    finally:
        task.remove_done_callback(stop)
        del task, stop


def turn_once(loop: AbstractEventLoop) -> None:
    """Let a loop do what is due, without waiting."""
    # Not by the loop's own attribute, which would note this as work left behind and turn the loop after every call.
    type(loop).call_soon(loop, loop.stop)
    loop.run_forever()


def end(loop: AbstractEventLoop, task: Task[Any]) -> None:
    """Cancel a task and see it to its end, after something else has broken its call off."""
    task.cancel()
    try:
        turn_once(loop)
        if not task.done() and task._must_cancel:  # type: ignore[attr-defined]
            # It has not heard of the cancel: what broke the call off (RecursionError, Ctrl-C) did so in the loop's own
            # code, with the task's next step in its hands. Nobody would ever make that step.
            _abandon(task)
            return
        _turn_until_done(loop, task)
    except BaseException:
        # Interrupted again: it stays unfinished, and says nothing of it.
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        raise
    if not task.cancelled():
        task.exception()  # now nobody is told that it was never looked at
    del task


def _abandon(task: Task[Any]) -> None:
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    asyncio.tasks._unregister_task(task)  # so that nobody waits for it when the loop is closed
    coroutine: Any = task.get_coro()
    if coroutine is not None:
        coroutine.close()


def close(owned: _simul.ThreadLoop) -> None:
    """Cancel what is left on a loop, finish its async generators, and close it. No loop may be running."""
    loop = owned.event_loop
    if loop.is_closed():
        owned.release()
        return
    try:
        left = asyncio.all_tasks(loop)
        if (detection := sys.modules.get("simul.detection.forgotten")) is not None:
            detection.ending(left)
        for task in left:
            task.cancel()
        for task in left:
            _turn_until_done(loop, task)
        for task in left:
            if not task.cancelled() and (error := task.exception()) is not None:
                loop.call_exception_handler(
                    {"message": "a task that was left on a thread's loop failed at its end", "exception": error}
                )
        owned.run(loop.shutdown_asyncgens())
        turn_once(loop)  # transports close one turn later
    finally:
        owned.release()
        loop.close()


def reset_smartasync_cache() -> None:
    """Let every thread begin with a new loop at its next call; for tests that must not share one.

    Threads and loops:
        Any thread, also while others are in calls: those are not disturbed. Each thread closes its loop itself, the
        calling one now and others at their next call or at their end.

    Example:
        >>> import simul
        >>> simul.reset_smartasync_cache()
    """
    _simul.begin_epoch()
    loops = loops_of_this_thread()
    if loops is not None and not loops.depth and not loops.main.inherited and not loops.main.busy:
        _simul.keep_thread_loops(None, None)
