"""What the checks of latency share: children that are timed, and bounds judged over several rounds."""

from __future__ import annotations

import pathlib
import signal
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from job.child import start_child
from job.far_end import FarEnd

ROUNDS = 20
CTRL_C_LIMIT_SECONDS = 0.100
HEARTBEAT_LIMIT_SECONDS = 0.050
# The exit hook waits at most this long for threads that are inside Python.
EXIT_LIMIT_SECONDS = 1.0


# For children: what was late because its threads had no processor is no fault of theirs.
WAITED = """\
class Waited:
    # Seconds for which threads of this process, made until now or later, were ready to run and did not.
    def __init__(self):
        self.before = self.by_thread()
    @staticmethod
    def by_thread():
        seconds = {}
        for task in os.listdir("/proc/self/task") if os.path.exists("/proc/self/schedstat") else ():
            with contextlib.suppress(OSError), open(f"/proc/self/task/{task}/schedstat") as file:
                seconds[task] = int(file.read().split()[1]) / 1e9
        return seconds
    def seconds(self):
        return sum(waited - self.before.get(task, 0.0) for task, waited in self.by_thread().items())
"""


class Sample(NamedTuple):
    """How late something was, and for how much of that it waited for a processor; both in seconds."""

    late: float
    waited: float = 0.0

    @classmethod
    def said(cls, line: str) -> Sample:
        """What a child has printed."""
        return cls(*map(float, line.split()))

    @property
    def own(self) -> float:
        """What it would have been on a machine with nothing else to do."""
        return max(self.late - self.waited, 0.0)


def judged(samples: list[Sample], limit: float) -> tuple[bool, str]:
    """Whether all are within the limit; what is not, and had to wait for a processor, cannot be judged."""
    late = sorted(sample.late for sample in samples)
    text = f"median {late[len(late) // 2] * 1e3:.1f} ms, worst {late[-1] * 1e3:.1f} ms of {len(late)}"
    own = max(sample.own for sample in samples)
    if late[-1] > limit:
        text += f", {own * 1e3:.1f} ms without the time that it waited for a processor"
    text += f" (limit {limit * 1e3:.0f} ms)"
    if own <= limit < late[-1]:
        text += ": THE MACHINE IS BUSY, judged without that time"
    return own <= limit, text


def interrupted_after(source: str) -> list[Sample]:
    """How long after SIGINT a child said `time.monotonic()` and `waited.seconds()`; it has an object `waited`."""
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            far_end = FarEnd()
            child = start_child(pathlib.Path(folder), WAITED + textwrap.dedent(source), *far_end.address)
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
            at, waited = map(float, finished.lines[-1].split())
            samples.append(Sample(at - struck, waited))
    return samples


def report(check: Callable[[], tuple[bool, str]]) -> int:
    """Runs one check, prints its line and gives the exit code."""
    good, text = check()
    print(f"{'ok  ' if good else 'FAIL'} {check.__name__:16} {text}", flush=True)
    return 0 if good else 1
