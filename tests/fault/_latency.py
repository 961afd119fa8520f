"""What the checks of latency share: children that are timed, and bounds judged over several rounds."""

from __future__ import annotations

import pathlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from job.child import start_child
from job.far_end import FarEnd

ROUNDS = 20
CTRL_C_LIMIT_SECONDS = 0.100
HEARTBEAT_LIMIT_SECONDS = 0.050
# The exit hook waits at most this long for threads that are inside Python.
EXIT_LIMIT_SECONDS = 1.0


def judged(samples: list[float], limit: float) -> tuple[bool, str]:
    worst, median = max(samples), sorted(samples)[len(samples) // 2]
    text = f"median {median * 1e3:.1f} ms, worst {worst * 1e3:.1f} ms of {len(samples)} (limit {limit * 1e3:.0f} ms)"
    return worst <= limit, text


def interrupted_after(source: str) -> list[float]:
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            far_end = FarEnd()
            child = start_child(pathlib.Path(folder), source, *far_end.address)
            far_end.wait_accepted(1)
            child.expect("waiting")
            # The child says "waiting" just before it parks; this gives it the time to, and spreads the moments
            # within one slice of the wait.
            time.sleep(0.2 + 0.003 * len(samples))
            struck = time.monotonic()
            child.signal(signal.SIGINT)
            finished = child.finish()
            far_end.wait_closed(1)
            far_end.stop()
            if finished.code:
                raise SystemExit(f"the child failed: {finished.err}")
            samples.append(float(finished.lines[-1]) - struck)
    return samples


def report(check: Callable[[], tuple[bool, str]]) -> int:
    """Runs one check, prints its line and gives the exit code."""
    good, text = check()
    print(f"{'ok  ' if good else 'FAIL'} {check.__name__:16} {text}", flush=True)
    return 0 if good else 1
