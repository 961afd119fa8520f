"""Whether the loop that carries a flight's work still turns, asked by those who wait for it elsewhere."""

from __future__ import annotations

import threading
from asyncio import AbstractEventLoop, TimerHandle, events
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from simul._simul import Flight

__all__ = ["Lookout"]

_EVERY: Final = 0.1
"""Seconds from one look to the next; a thread that is blocked looks as often."""
_PATIENCE: Final = 2
"""So many looks at a loop that neither runs nor has turned since the one before."""


class Lookout:
    """Takes the work from a loop that was stopped and not closed: ``run_until_complete`` has returned, say.

    A loop that runs and does not answer is busy, or blocked: it will go on. The watchdog names what blocks it.
    """

    __slots__ = ("answered", "flight", "loop", "silent", "timer")

    def __init__(self, flight: Flight) -> None:
        self.flight = flight
        self.loop: AbstractEventLoop | None = None
        self.answered = False
        self.silent = 0
        self.timer: TimerHandle | None = None
        carrier = flight.carrier()
        if carrier is None:
            return
        loop, thread = carrier
        if thread == threading.get_ident() and loop is not events._get_running_loop() and not loop.is_running():
            # This thread turned it, and does something else now.
            flight.relieve(loop)

    def begin(self, loop: AbstractEventLoop) -> None:
        """Look from now on, from the loop that runs here."""
        self.timer = loop.call_later(_EVERY, self._tick, loop)

    def end(self) -> None:
        """Look no more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _tick(self, loop: AbstractEventLoop) -> None:
        self.timer = loop.call_later(_EVERY, self._tick, loop)
        self.look()

    def look(self) -> None:
        """Ask the loop for a sign of life, and whether it has given the last one."""
        carrier = self.flight.carrier()
        if carrier is None:
            self.loop = None
            return
        loop, _ = carrier
        if loop is not self.loop or self.answered:
            self.loop, self.answered, self.silent = loop, False, 0
            try:
                loop.call_soon_threadsafe(self._answer)
            except RuntimeError:
                if not loop.is_closed():
                    raise
                self.flight.relieve(loop)
        elif loop.is_running():
            self.silent = 0
        else:
            self.silent += 1
            if self.silent >= _PATIENCE:
                self.flight.relieve(loop)

    def _answer(self) -> None:
        self.answered = True
