"""Sync code and async code together: from any thread, on any event loop, and inside a running one.

Nothing is patched. ``asyncio.run``, tasks, policies and loop classes stay as they are.
"""

from __future__ import annotations

from simul.bridge.handler import async_handler
from simul.bridge.mode import is_async_context, set_async, set_sync
from simul.bridge.resolve import smartawait, smartcontinuation
from simul.bridge.smart import smartasync
from simul.bridge.thread_loop import reset_smartasync_cache
from simul.bridge.wait import run

__all__ = [
    "async_handler",
    "is_async_context",
    "reset_smartasync_cache",
    "run",
    "set_async",
    "set_sync",
    "smartasync",
    "smartawait",
    "smartcontinuation",
]
