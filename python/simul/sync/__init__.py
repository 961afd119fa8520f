"""Locks, semaphores, events and queues that serve any number of threads and event loops at once."""

from __future__ import annotations

from simul._simul import Lock
from simul.sync.smart_lock import RunOnce, SmartLock

__all__ = ["Lock", "RunOnce", "SmartLock"]
