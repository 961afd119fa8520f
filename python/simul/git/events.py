"""What is happening to each repository, told to whoever listens at their own pace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from simul import _simul

__all__ = ["Event", "Events", "Phase"]

Phase: TypeAlias = Literal[
    "queued",
    "connecting",
    "counting",
    "compressing",
    "receiving",
    "resolving",
    "checking",
    "walking",
    "diffing",
    "blaming",
    "writing",
    "done",
    "failed",
]


@dataclass(frozen=True, slots=True)
class Event:
    """The state of one repository at one moment.

    Args:
        repo: The caller's string, without credentials.
        phase: What is being done. ``"done"`` and ``"failed"`` end a piece of work.
        done: How much of it is done, in the phase's own unit (objects, deltas, commits, files).
        total: Of how much, once known.
        bytes: Bytes received so far, while bytes are received.
        rate_bytes_per_second: As git measures it.
        message: What the server says, or why it failed.
        at: When, in seconds since the epoch.
    """

    repo: str
    phase: Phase
    done: int
    total: int | None
    bytes: int | None
    rate_bytes_per_second: float | None
    message: str | None
    at: float


class Events(Iterator[Event], AsyncIterator[Event]):
    """The events of a manager, as a plain and as an async iterator.

    It begins with the newest state of each repository, and ends when nothing of the manager is running any more, if
    something ever was. A slow reader skips steps in between and never misses an end (``"done"``, ``"failed"``).

    Cancellation:
        Leaving the loop, or cancelling the task in it, loses no event that was not delivered.

    Threads and loops:
        Any thread and any loop. Several readers of one object share its events; ask the manager for one object each
        to give every reader all of them.
    """

    def __init__(self, events: _simul.Events) -> None:
        self._events = events

    def __iter__(self) -> Events:
        return self

    def __next__(self) -> Event:
        while True:
            event = self._events.try_next()
            if event is not None:
                return event
            if not self._events.ready().wait():
                raise StopIteration

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> Event:
        while True:
            event = self._events.try_next()
            if event is not None:
                return event
            if not await self._events.ready():
                raise StopAsyncIteration
