"""Locks, semaphores, events and queues that serve any number of threads and event loops at once."""

from __future__ import annotations

from simul._simul import (
    Barrier,
    BoundedSemaphore,
    CapacityLimiter,
    Event,
    LifoQueue,
    Lock,
    PriorityQueue,
    Queue,
    RLock,
    Semaphore,
)
from simul.sync.condition import Condition
from simul.sync.smart_lock import RunOnce, SmartLock

__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "CapacityLimiter",
    "Condition",
    "Event",
    "LifoQueue",
    "Lock",
    "PriorityQueue",
    "Queue",
    "RLock",
    "RunOnce",
    "Semaphore",
    "SmartLock",
]
