"""A 1 ms heartbeat never lags 50 ms beside 20,000 Jobs that are due together on two loops."""

from __future__ import annotations

import pathlib
import sys
import tempfile
import textwrap

from _latency import HEARTBEAT_LIMIT_SECONDS, WAITED, Sample, judged, report, start_child


def heartbeat() -> tuple[bool, str]:
    """A 1 ms heartbeat never lags 50 ms beside 20,000 Jobs that are due together on two loops."""
    source = """
        import time
        from simul.testing import jobs
        lags = {}
        barrier = threading.Barrier(2)
        def turn(kind):
            async def main():
                worst, running = (0.0, 0.0), True
                async def beat():
                    nonlocal worst
                    while running:
                        waited, due = Waited(), time.monotonic() + 0.001
                        await asyncio.sleep(0.001)
                        late = time.monotonic() - due  # uvloop's own clock stands still for a turn
                        if late > worst[0] - worst[1]:
                            worst = max(worst, (late, waited.seconds()), key=lambda one: one[0] - one[1])
                gate, made = jobs.gated(10_000)
                tasks = [asyncio.ensure_future(job) for job in made]
                together = asyncio.gather(*tasks)
                await asyncio.sleep(0)
                await asyncio.to_thread(barrier.wait)
                beating = asyncio.create_task(beat())
                await asyncio.sleep(0)
                gate.cancel()
                await together
                running = False
                await beating
                lags[kind] = worst
            run(main(), kind)
        threads = [threading.Thread(target=turn, args=(kind,)) for kind in ("asyncio", "uvloop")]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        say(*max(lags.values(), key=lambda one: one[0] - one[1]))
    """
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(5):
            finished = start_child(pathlib.Path(folder), WAITED + textwrap.dedent(source)).finish()
            if finished.code:
                raise SystemExit(f"the child failed: {finished.err}")
            samples.append(Sample.said(finished.lines[-1]))
    return judged(samples, HEARTBEAT_LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(report(heartbeat))
