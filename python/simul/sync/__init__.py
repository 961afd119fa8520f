"""Locks, semaphores, events and queues that serve any number of threads and event loops at once."""

from __future__ import annotations

from simul._simul import LifoQueue, Lock, PriorityQueue, Queue
from simul.sync.smart_lock import RunOnce, SmartLock

__all__ = ["LifoQueue", "Lock", "PriorityQueue", "Queue", "RunOnce", "SmartLock"]
