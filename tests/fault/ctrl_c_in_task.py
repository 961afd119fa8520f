"""Ctrl-C in wait() inside a task leaves asyncio.run within 100 ms."""

from __future__ import annotations

import sys

from _latency import CTRL_C_LIMIT_SECONDS, interrupted_after, judged, report


def ctrl_c_in_task() -> tuple[bool, str]:
    """Ctrl-C in wait() inside a task leaves asyncio.run within 100 ms."""
    samples = interrupted_after(
        """
        import time
        from simul.testing import jobs
        warnings.simplefilter("ignore")
        async def main():
            job = jobs.tcp_read(arguments[0], int(arguments[1]))
            global waited
            waited = Waited()
            say("waiting")
            job.wait()
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            say(time.monotonic(), waited.seconds())
        """
    )
    return judged(samples, CTRL_C_LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(report(ctrl_c_in_task))
