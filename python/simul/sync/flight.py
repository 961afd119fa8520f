"""Work that is done once for all who ask for it: the task that carries it, and who waits for whom."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, Task
from collections.abc import Awaitable, Callable
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from simul import _simul
from simul.errors import DeadlockError
from simul.sync.party import Outcome, Party, Told

if TYPE_CHECKING:
    from simul._simul import Lead, _Operation
    from simul.sync.smart_lock import SmartLock

__all__ = ["INSIDE", "Call", "Run", "enter"]

Call: TypeAlias = tuple[Callable[..., Awaitable[Any]], tuple[Any, ...], dict[str, Any]]

INSIDE: Final[ContextVar[Run | None]] = ContextVar("simul_inside_of_a_flight", default=None)
"""Whose work this is part of. Child tasks and ``to_thread`` inherit it with the context."""

_NAME: Final = "SmartLock.run_once"


class Run:
    """One run of a flight's work, in a task of its own."""

    __slots__ = ("lead", "lock", "loop", "party", "seat", "task", "told", "waits_for", "watch")

    def __init__(
        self, lock: SmartLock, lead: Lead, loop: AbstractEventLoop | None = None, seat: _Operation[Any] | None = None
    ) -> None:
        # None once nobody can wait for it any more.
        self.lock: SmartLock | None = lock
        self.lead = lead
        self.loop = loop
        # Of those who wait on this loop; None where a thread waits that turns the loop for this.
        self.seat = seat
        # They; None as long as the first step goes on, in which there can be one of them only.
        self.party: Party | None = None
        # What came of the first step, if that was all.
        self.told: Told | None = None
        self.task: Task[None] | None = None
        self.watch: tuple[Any, Any] | None = None
        self.waits_for: list[SmartLock] = []
        lock._run = self  # pyright: ignore[reportPrivateUsage]

    def begin(self, loop: AbstractEventLoop, seat: _Operation[Any], call: Call) -> Party | None:
        """Take the work's first step at once, in a task of its own on the loop that runs here.

        Returns:
            Those who wait here, the leader first. None if the first step was all: then ``told`` has what came of it, or
            nothing where the lead was lost meanwhile.
        """
        # Sure for this step: a loop of the bridge's takes it without being turned.
        self.lead.carried_by(loop, sure=True)
        try:
            task = _simul._begin_task(loop, self.carry(*call), _NAME)  # pyright: ignore[reportPrivateUsage]
        except BaseException:
            self.end()
            raise
        if self.lock is None:
            return None
        self.lead.carried_by(loop, sure=False)
        self.task = task
        task.add_done_callback(self.done)
        party = self.party
        if party is None:
            self.party = party = Party(self.lock, loop, seat)
            party.leader = party.follow()
        party.carried_by(self)
        return party

    def prepare(self, loop: AbstractEventLoop, call: Call, context: Context) -> Task[None]:
        """Let the work begin when this loop is turned, which is ours and does not run yet."""
        self.loop = loop
        self.lead.carried_by(loop, sure=True)
        self.task = task = loop.create_task(self.carry(*call), context=context)
        task.add_done_callback(self.done)
        task.add_done_callback(lambda _: loop.stop())
        return task

    def sit(self) -> bool:
        """Watch from the loop that runs here whether anybody still waits; its close gives the lead up.

        Returns:
            False if nobody waits any more.
        """
        watch = self.lead.watch(None)
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
        if self.seat is None and not self.sit():
            return
        try:
            value = await function(*args, **kwargs)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                self.land_error(error)  # the work's own, raised by no cancel of this task
        except (KeyboardInterrupt, GeneratorExit):
            # The one is for this thread alone, and the other says that the loop has gone: another one leads.
            self.end()
            raise
        except BaseException as error:  # noqa: BLE001  (it is raised in those who wait)
            self.land_error(error)
        else:
            self.land((value, None, None))
        self.end()

    def land_error(self, error: BaseException) -> None:
        """Give all who wait the work's exception, with the frames of the work and none of ours."""
        traceback = error.__traceback__
        if traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        self.land((None, error, traceback))

    def land(self, outcome: Outcome) -> None:
        """Give all who wait the outcome, unless another leads by now."""
        count = self.lead.land(outcome)
        if count == 0 or self.seat is None:
            return
        party = self.party
        if party is None:
            self.told = outcome, count > 1
        else:
            party.tell(outcome, count)

    def take(self) -> Told:
        """Give what the first step came to, and keep it no longer.

        Nobody between the work and the one who raises it may have it in a variable: on Python 3.12 and 3.13.0 the frame
        of work that has failed keeps those that were below it.
        """
        told, self.told = cast("Told", self.told), None
        return told

    def unwanted(self, _: object = None) -> None:
        """Nobody waits any more, or another leads: cancel the work."""
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
        """Let go of everything; who still waits has another leader."""
        if self.lock is None:
            return
        self.lock = self.task = None
        if self.watch is not None:
            watch, waiter = self.watch
            self.watch = None
            waiter.close()
            watch.close()
        party, self.party = self.party, None
        if party is None:
            self.lead.give_up()
        else:
            party.left_by(self)


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
