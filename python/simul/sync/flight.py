"""Work that is done once for all who ask for it: the task that carries it, and who waits for whom."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, Future, Task
from collections.abc import Awaitable, Callable
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from simul.errors import DeadlockError

if TYPE_CHECKING:
    from types import TracebackType

    from simul._simul import Lead
    from simul.sync.smart_lock import SmartLock

__all__ = ["INSIDE", "Call", "Outcome", "Run", "enter"]

Outcome: TypeAlias = "tuple[Any, BaseException | None, TracebackType | None]"
"""A value, or an exception with the traceback that it had where the work ended."""

Call: TypeAlias = tuple[Callable[..., Awaitable[Any]], tuple[Any, ...], dict[str, Any]]

INSIDE: Final[ContextVar[Run | None]] = ContextVar("simul_inside_of_a_flight", default=None)
"""Whose work this is part of. Child tasks and ``to_thread`` inherit it with the context."""


class Run:
    """One run of a flight's work, in a task of its own.

    It is held by the loop that carries it (by the seat of its watch) and ends with it.
    """

    __slots__ = ("known", "lead", "lock", "task", "waits_for", "watch")

    def __init__(self, lock: SmartLock, lead: Lead) -> None:
        # None once nobody can wait for it any more.
        self.lock: SmartLock | None = lock
        self.lead = lead
        self.task: Task[None] | None = None
        self.known: Future[None] | None = None
        self.watch: tuple[Any, Any] | None = None
        self.waits_for: list[SmartLock] = []
        lock._run = self  # pyright: ignore[reportPrivateUsage]

    def start(self, loop: AbstractEventLoop, known: Future[None], call: Call) -> None:
        """Begin the work on the loop that runs here; ``known`` is set when it is known what came of it."""
        self.known = known
        self.lead.carried_by(loop)
        if self.sit():
            self.task = loop.create_task(self.carry(*call))
            self.task.add_done_callback(self.done)

    def prepare(self, loop: AbstractEventLoop, call: Call, context: Context) -> Task[None]:
        """Let the work begin when this loop is turned, which is ours and does not run yet."""
        self.lead.carried_by(loop)
        self.task = task = loop.create_task(self.carry(*call), context=context)
        task.add_done_callback(self.done)
        task.add_done_callback(lambda _: loop.stop())
        return task

    def sit(self) -> bool:
        """Watch from the loop that runs here whether anybody still waits; its close gives the lead up.

        Returns:
            False if nobody waits any more.
        """
        watch = self.lead.watch()
        try:
            waiter = watch.send(None)
        except StopIteration:
            self.end()
            return False
        self.watch = watch, waiter
        waiter.add_done_callback(self.unwanted)
        return True

    async def carry(
        self, function: Callable[..., Awaitable[Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Do the work and land what comes of it."""
        INSIDE.set(self)
        if self.watch is None and not self.sit():
            return
        try:
            value = await function(*args, **kwargs)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                self.land(error)  # the work's own, raised by no cancel of this task
        except (KeyboardInterrupt, GeneratorExit):
            # The one is for this thread alone, and the other says that the loop has gone: who waits asks again.
            self.end()
            raise
        except BaseException as error:  # noqa: BLE001  (it is raised in those who wait)
            self.land(error)
        else:
            self.lead.land((value, None, None))
        self.end()

    def land(self, error: BaseException) -> None:
        """Give all who wait the work's exception, with the frames of the work and none of ours."""
        traceback = error.__traceback__
        if traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        self.lead.land((None, error, traceback))

    def unwanted(self, _: object) -> None:
        """Nobody waits any more: cancel the work."""
        task = self.task
        self.end()
        if task is not None and not task.done():
            ending = vars(task.get_loop()).setdefault("_simul_ending", set())
            ending.add(task)  # a loop holds its tasks weakly
            task.add_done_callback(ending.discard)
            task.cancel()

    def done(self, task: Task[None]) -> None:
        """The task has ended, by a cancel before its first step perhaps."""
        if not task.cancelled():
            task.exception()  # now nobody is told that it was never looked at
        self.end()

    def end(self) -> None:
        """Let go of everything; who still waits asks again."""
        self.lock = self.task = None
        if self.watch is not None:
            watch, waiter = self.watch
            self.watch = None
            waiter.close()
            watch.close()
        self.lead.give_up()
        if self.known is not None:
            known, self.known = self.known, None
            if not known.done() and not known.get_loop().is_closed():
                known.set_result(None)


def enter(inside: Run, lock: SmartLock) -> Run | None:
    """Ask before work waits for a flight.

    Returns:
        The run that waits from now on, if it is under way: its ``waits_for`` names the flight until that is removed.

    Raises:
        DeadlockError: The flight waits for this very work.
    """
    own = inside.lock
    if own is None:
        return None
    if own is lock:
        raise DeadlockError(
            "SmartLock.run_once() would wait for itself: it was called by the work that it is to share. Call the "
            "function itself, or use for_key() with another key"
        )
    # Said before it is asked, so that of two who do so at once one sees the other.
    inside.waits_for.append(lock)
    seen: set[int] = set()
    unseen = [lock]
    while unseen:
        run = unseen.pop()._run  # pyright: ignore[reportPrivateUsage]
        if run is None or run.lock is None:
            continue
        for other in tuple(run.waits_for):
            if other is own:
                inside.waits_for.remove(lock)
                raise DeadlockError(
                    "SmartLock.run_once() would wait for ever: the work that it waits for waits for this work. Let "
                    "flights wait for each other in one direction only"
                )
            if id(other) not in seen:
                seen.add(id(other))
                unseen.append(other)
    return inside
