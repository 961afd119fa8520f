"""A process with 50 Jobs in flight ends within 1 s of its last statement."""

from __future__ import annotations

import pathlib
import sys
import tempfile
import time

from _latency import EXIT_LIMIT_SECONDS, ROUNDS, FarEnd, Sample, judged, report, start_child


def exit_time() -> tuple[bool, str]:
    """A process with 50 Jobs in flight ends within 1 s of its last statement."""
    source = """
        import time
        from simul.testing import jobs
        kept = [jobs.tcp_read(arguments[0], int(arguments[1])) for _ in range(50)]
        sys.stdin.readline()
        say(time.monotonic())
    """
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            far_end = FarEnd()
            child = start_child(pathlib.Path(folder), source, *far_end.address)
            far_end.wait_accepted(50)
            child.tell("end")
            finished = child.finish()
            ended = time.monotonic()
            far_end.wait_closed(50)
            far_end.stop()
            if finished.code:
                raise SystemExit(f"the child failed: {finished.err}")
            samples.append(Sample(ended - float(finished.lines[-1])))
    return judged(samples, EXIT_LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(report(exit_time))
