"""Ctrl-C in wait() raises KeyboardInterrupt within 100 ms."""

from __future__ import annotations

import sys

from _latency import CTRL_C_LIMIT_SECONDS, interrupted_after, judged, report


def ctrl_c() -> tuple[bool, str]:
    """Ctrl-C in wait() raises KeyboardInterrupt within 100 ms."""
    samples = interrupted_after(
        """
        import time
        from simul.testing import jobs
        job = jobs.tcp_read(arguments[0], int(arguments[1]))
        waited = Waited()
        say("waiting")
        try:
            job.wait()
        except KeyboardInterrupt:
            say(time.monotonic(), waited.seconds())
        """
    )
    return judged(samples, CTRL_C_LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(report(ctrl_c))
