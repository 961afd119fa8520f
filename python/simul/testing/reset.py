"""Simul as it was before its first use."""

from __future__ import annotations

import sys

import simul

__all__ = ["reset"]


def reset() -> None:
    """End the loops that bridged functions use on this thread, then the engine; the next use starts new ones.

    Threads and loops:
        Between tests, on the thread that ran them. Jobs that are still pending end with ``ClosedError``.

    Example:
        >>> from simul.testing import jobs, reset, statistics
        >>> jobs.ready(1).wait()
        1
        >>> reset.reset()
        >>> statistics()["engine_threads"]
        0
    """
    bridge = sys.modules.get("simul.bridge")
    forget_loops = getattr(bridge, "reset_smartasync_cache", None)
    if forget_loops is not None:
        forget_loops()
    simul.shutdown()
