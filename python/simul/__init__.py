"""simul runs many I/O calls at once, with or without ``await``.

Every call that does I/O returns a :class:`Job`: work that is already running. ``await`` it in a coroutine, on any
event loop; call ``.wait()`` anywhere else.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from simul._simul import __version__
from simul.errors import (
    AuthError,
    CancelledError,
    ClosedError,
    ConnectError,
    DeadlockError,
    DecodeError,
    ForkedError,
    InternalError,
    InvalidError,
    InvalidStateError,
    NestedLoopError,
    NotAwaitedError,
    NotFoundError,
    ProtocolError,
    QueryError,
    QueueEmpty,
    QueueFull,
    QueueShutDown,
    RateLimitedError,
    RepoError,
    SimulError,
    StatusError,
    StoreError,
    TimeoutError,  # noqa: A004  (asyncio's name)
    TlsError,
    TooLargeError,
)
from simul.job import Job, setup_async, shutdown

if TYPE_CHECKING:
    from simul import from_thread, git, sync, testing
    from simul.bridge import (
        async_handler,
        is_async_context,
        reset_smartasync_cache,
        run,
        set_async,
        set_sync,
        smartasync,
        smartawait,
        smartcontinuation,
    )
    from simul.bridge.portal import Portal
    from simul.bridge.to_thread import to_thread
    from simul.detection import debug
    from simul.git import Limits, RepoManager
    from simul.sync import (
        Barrier,
        BoundedSemaphore,
        CapacityLimiter,
        Condition,
        Event,
        LifoQueue,
        Lock,
        PriorityQueue,
        Queue,
        RLock,
        Semaphore,
        SmartLock,
    )

__all__ = [
    "AuthError",
    "Barrier",
    "BoundedSemaphore",
    "CancelledError",
    "CapacityLimiter",
    "ClosedError",
    "Condition",
    "ConnectError",
    "DeadlockError",
    "DecodeError",
    "Event",
    "ForkedError",
    "InternalError",
    "InvalidError",
    "InvalidStateError",
    "Job",
    "LifoQueue",
    "Limits",
    "Lock",
    "NestedLoopError",
    "NotAwaitedError",
    "NotFoundError",
    "Portal",
    "PriorityQueue",
    "ProtocolError",
    "QueryError",
    "Queue",
    "QueueEmpty",
    "QueueFull",
    "QueueShutDown",
    "RLock",
    "RateLimitedError",
    "RepoError",
    "RepoManager",
    "Semaphore",
    "SimulError",
    "SmartLock",
    "StatusError",
    "StoreError",
    "TimeoutError",
    "TlsError",
    "TooLargeError",
    "__version__",
    "async_handler",
    "debug",
    "from_thread",
    "git",
    "is_async_context",
    "reset_smartasync_cache",
    "run",
    "set_async",
    "set_sync",
    "setup_async",
    "shutdown",
    "smartasync",
    "smartawait",
    "smartcontinuation",
    "sync",
    "testing",
    "to_thread",
]

# Loaded at first use, so that `import simul` stays quick.
_LAZY = {
    "Barrier": "simul.sync",
    "BoundedSemaphore": "simul.sync",
    "CapacityLimiter": "simul.sync",
    "Condition": "simul.sync",
    "Event": "simul.sync",
    "LifoQueue": "simul.sync",
    "Limits": "simul.git",
    "Lock": "simul.sync",
    "Portal": "simul.bridge.portal",
    "PriorityQueue": "simul.sync",
    "Queue": "simul.sync",
    "RLock": "simul.sync",
    "RepoManager": "simul.git",
    "Semaphore": "simul.sync",
    "SmartLock": "simul.sync",
    "async_handler": "simul.bridge",
    "debug": "simul.detection",
    "is_async_context": "simul.bridge",
    "reset_smartasync_cache": "simul.bridge",
    "run": "simul.bridge",
    "set_async": "simul.bridge",
    "set_sync": "simul.bridge",
    "smartasync": "simul.bridge",
    "smartawait": "simul.bridge",
    "smartcontinuation": "simul.bridge",
    "to_thread": "simul.bridge.to_thread",
}
_MODULES = {"from_thread", "git", "sync", "testing"}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        found: object = getattr(import_module(_LAZY[name]), name)
    elif name in _MODULES:
        found = import_module(f"simul.{name}")
    else:
        raise AttributeError(f"module 'simul' has no attribute {name!r}")
    globals()[name] = found
    return found


if "SIMUL_DEBUG" in os.environ:
    from simul.detection import environment

    environment.start(os.environ["SIMUL_DEBUG"])


def __dir__() -> list[str]:
    return sorted(__all__)
