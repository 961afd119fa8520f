"""Those who wait on the loop that carries a flight's work: to the flight, which is for any thread, they are one."""

from __future__ import annotations

import os
from asyncio import AbstractEventLoop, Future, events
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from simul import _simul
from simul.sync.lookout import Lookout

if TYPE_CHECKING:
    from types import TracebackType

    from simul._simul import Lead, _Operation
    from simul.sync.flight import Call, Run
    from simul.sync.smart_lock import SmartLock

__all__ = ["GIVEN_UP", "LEAD", "Outcome", "Party", "Told"]

Outcome: TypeAlias = "tuple[Any, BaseException | None, TracebackType | None]"
"""A value, or an exception with the traceback that it had where the work ended."""

Told: TypeAlias = tuple[Outcome, bool]
"""An outcome, and whether others got it too."""

LEAD: Final = "lead"
"""To a follower: the work is yours to begin again."""
GIVEN_UP: Final = "given up"
"""To the one whose work it was: somebody has cancelled it who is none of its waiters."""


_era = 0


def _begin_era() -> None:
    global _era  # noqa: PLW0603  (in a forked child, the parent's parties are none)
    _era += 1


os.register_at_fork(after_in_child=_begin_era)


class Party:
    """Who waits on the loop that carries the work, each with a plain future of that loop.

    They hold one seat in the flight. It is given back with the last of them, or by the watch when the loop is closed.
    """

    __slots__ = ("era", "followers", "lead", "leader", "lock", "lookout", "loop", "run", "seat", "told", "watch")

    def __init__(self, lock: SmartLock, loop: AbstractEventLoop, seat: _Operation[Any]) -> None:
        self.era = _era
        self.lock = lock
        self.loop = loop
        self.seat = seat
        # In the order of coming. One that is done has a word or was cancelled, and will go.
        self.followers: dict[Future[str | None], None] = {}
        # Whose call it is that runs.
        self.leader: Future[str | None] | None = None
        # Given to that one, who has not begun yet.
        self.lead: Lead | None = None
        self.run: Run | None = None
        self.told: Told | None = None
        # What tells this loop of the lead's end, or of the seat's; and where it waits for that.
        self.watch: tuple[Any, Any] | None = None
        self.lookout: Lookout | None = None
        lock._parties.add(self)  # pyright: ignore[reportPrivateUsage]

    def is_open(self) -> bool:
        """Whether one more may wait with us."""
        return self.told is None and bool(self.followers) and self.era == _era

    def size(self) -> int:
        """How many wait, in this process and on a loop that is not closed."""
        return 0 if self.era != _era or self.loop.is_closed() else len(self.followers)

    def follow(self) -> Future[str | None]:
        """Wait from now on: the future of one who waits, which gives None when ``told`` stands."""
        follower: Future[str | None] = self.loop.create_future()
        self.followers[follower] = None
        return follower

    def leave(self, follower: Future[str | None]) -> None:
        """Wait no longer."""
        self.followers.pop(follower, None)
        if self.lead is not None and follower is self.leader:
            lead, self.lead = self.lead, None
            self.promote(lead)
        elif not self.followers and self.told is None:
            self.disband()

    def carried_by(self, run: Run) -> None:
        """Hear of what becomes of this run's lead."""
        self.run = run
        if self.watch is not None:
            return
        watch = run.lead.watch(self.seat)
        try:
            waiter = watch.send(None)
        except StopIteration:
            run.unwanted()
            return
        self.watch = watch, waiter
        waiter.add_done_callback(self.released)

    def released(self, _: object) -> None:
        """The lead has come to its end elsewhere: a reset, another leader, or the last who waited has left."""
        if self.run is not None:
            self.run.unwanted()

    def tell(self, outcome: Outcome, count: int) -> None:
        """Give the outcome to all who wait; ``count`` are they in the flight, where all of us are one."""
        waiting = len(self.followers)
        self.told = outcome, waiting + count - (1 if waiting else 0) > 1
        self.close()
        for follower in self.followers:
            if not follower.done():
                follower.set_result(None)

    def left_by(self, run: Run) -> None:
        """The run has ended. Without an outcome, the next of us leads, or we wait for one who leads elsewhere."""
        self.run = None
        if self.told is not None:
            return
        if self.loop.is_closed():
            self.disband()
            run.lead.give_up()
        elif run.lead.unwanted():
            run.lead.give_up()
            self.wait_elsewhere()
        else:
            if self.leader is not None and not self.leader.done():
                self.leader.set_result(GIVEN_UP)
            self.promote(run.lead)

    def promote(self, lead: Lead) -> None:
        """Let the first of us who still waits begin the work again; else one of those on other loops and threads."""
        for follower in () if self.loop.is_closed() else self.followers:
            if not follower.done():
                self.lead, self.leader = lead, follower
                lead.carried_by(self.loop, sure=False)
                follower.set_result(LEAD)
                return
        self.leader = None
        self.close()
        lead.give_up()

    def begin(self, follower: Future[str | None], make: Any, call: Call) -> Future[str | None]:
        """Begin the work again for the one who was told to.

        Returns:
            What it waits for from now on.
        """
        lead, self.lead = self.lead, None
        self.leader = again = self.follow()
        self.followers.pop(follower, None)
        try:
            if lead is None or lead.unwanted():
                if lead is not None:
                    lead.give_up()
                self.wait_elsewhere()
            else:
                run: Run = make(self.lock, lead, self.loop, self.seat)
                run.party = self
                run.begin(self.loop, self.seat, call)
        except BaseException:
            self.leave(again)
            raise
        return again

    def wait_elsewhere(self, _: object = None) -> None:
        """Hear what comes of the flight by our seat in it."""
        self.stop_watch()
        while self.followers:
            try:
                waiter = self.seat.send(None)
            except StopIteration as stop:
                told = stop.value
            except BaseException as error:  # noqa: BLE001  (a reset: it is raised in those who wait)
                self.tell((None, error.with_traceback(None), None), 2)
                return
            else:
                self.watch = self.seat, waiter
                waiter.add_done_callback(self.wait_elsewhere)
                self.lookout = Lookout(self.lock._flight)  # pyright: ignore[reportPrivateUsage]
                self.lookout.begin(self.loop)
                return
            if not isinstance(told, _simul.Vacant):
                outcome, shared = told
                self.tell(outcome, 2 if shared else 1)
                return
            self.seat, lead = told.claim()
            if lead is not None:
                self.promote(lead)
                return
        self.close()

    def disband(self) -> None:
        """The last of us has left."""
        run = self.run
        if run is None:
            self.close()
            return
        # The work goes on for those on other loops and threads, if there are any.
        self.lock._parties.discard(self)  # pyright: ignore[reportPrivateUsage]
        self.seat.close()
        if run.lead.unwanted() and events._get_running_loop() is self.loop:
            # At once; else the watch says so when the loop turns.
            run.unwanted()

    def stop_watch(self) -> None:
        """Hear no more of what was watched."""
        if self.lookout is not None:
            self.lookout.end()
            self.lookout = None
        if self.watch is not None:
            watch, waiter = self.watch
            self.watch = None
            waiter.close()
            if watch is not self.seat:
                watch.close()

    def close(self) -> None:
        """Leave the flight."""
        self.lock._parties.discard(self)  # pyright: ignore[reportPrivateUsage]
        self.stop_watch()
        self.seat.close()
