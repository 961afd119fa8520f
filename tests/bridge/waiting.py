"""Waiting for what a test cannot be told: it looks until it is so. The watchdogs end what never comes."""

from __future__ import annotations

import asyncio
import os


def until(condition):
    """Looks again and again, and lets other threads run."""
    while not condition():
        os.sched_yield()


async def until_in_loop(condition):
    """Looks again and again, and lets other tasks and threads run."""
    while not condition():
        os.sched_yield()
        await asyncio.sleep(0)
