"""Ctrl-C in a bridged coroutine or a primitive raises KeyboardInterrupt within 300 ms, its clean-up included."""

from __future__ import annotations

import sys
import textwrap

from _latency import interrupted_after, judged, report

LIMIT_SECONDS = 0.300

# Each has a connection open at the far end, which must see it close.
WAYS = {
    "smartasync": """
        @simul.smartasync
        async def call():
            try:
                await jobs.tcp_read(host, port)
            finally:
                await asyncio.sleep(0)
    """,
    "nested": """
        @simul.async_handler
        async def inner():
            try:
                await jobs.tcp_read(host, port)
            finally:
                await asyncio.sleep(0)
        def call():
            async def main():
                inner()
            asyncio.run(main())
    """,
    "lock": """
        def call():
            job, lock = jobs.tcp_read(host, port), simul.Lock()
            lock.acquire_nowait()
            lock.acquire().wait()
    """,
    "queue": """
        def call():
            job = jobs.tcp_read(host, port)
            simul.Queue().get().wait()
    """,
    "flight": """
        def call():
            async def read():
                return await jobs.tcp_read(host, port)
            simul.SmartLock().run_once(read).wait()
    """,
    "portal": """
        def call():
            async def read():
                return await jobs.tcp_read(host, port)
            with simul.Portal() as portal:
                portal.call(read)
    """,
}
SOURCE = """\
import time
import simul
from simul.testing import jobs
host, port = arguments[0], int(arguments[1])
{way}
waited = Waited()
say("waiting")
try:
    call()
except KeyboardInterrupt:
    say(time.monotonic(), waited.seconds())
"""


def ctrl_c_bridge() -> tuple[bool, str]:
    """Every way, 20 rounds each."""
    good, lines = True, []
    for name, way in WAYS.items():
        within, text = judged(interrupted_after(SOURCE.format(way=textwrap.dedent(way))), LIMIT_SECONDS)
        good = good and within
        lines.append(f"{name}: {text}")
    return good, "; ".join(lines)


if __name__ == "__main__":
    sys.exit(report(ctrl_c_bridge))
