"""Everything at once, at random, for a while; then nothing may be left.

Threads with asyncio and uvloop loops and threads without a loop make, await, wait for, cancel, drop and detach Jobs
at random, on shared and on own Jobs, while a collector runs and the interpreter switches threads all the time.
At the end no Job lives, no descriptor and no thread is left over, and the far end has seen every socket close.

    ./dev soak jobs [SECONDS [SEED]]      60 seconds unless said otherwise
"""

from __future__ import annotations

import asyncio
import collections
import gc
import os
import pathlib
import random
import sys
import threading
import time
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import simul
from job.far_end import FarEnd  # found by the line above
from simul.testing import jobs, statistics

LOOP_THREADS = 4
PLAIN_THREADS = 4


class Soak:
    def __init__(self, seconds: float, seed: int) -> None:
        self.until = time.monotonic() + seconds
        self.seed = seed
        self.far_end = FarEnd()
        self.shared: collections.deque = collections.deque(maxlen=64)
        self.counts: collections.Counter[str] = collections.Counter()
        self.errors: list[BaseException] = []

    def make(self, rng: random.Random) -> tuple[object, object]:
        """A Job and what it must give (None: anything, it may be cut off)."""
        number = rng.randrange(1 << 30)
        way = rng.random()
        if way < 0.4:
            return jobs.sleep(rng.random() * 0.01, number), number
        if way < 0.7:
            return jobs.ready(number), number
        if way < 0.8:
            return jobs.fail("Invalid", str(number)), simul.SimulError
        if way < 0.85:
            return jobs.panic(str(number)), simul.InternalError
        return jobs.tcp_read(*self.far_end.address), None

    def check(self, wanted: object, value: object) -> None:
        if wanted is not None and value != wanted:
            raise AssertionError(f"wanted {wanted!r}, got {value!r}")

    def plain(self, number: int) -> None:
        rng = random.Random(self.seed * 1000 + number)
        while time.monotonic() < self.until:
            job, wanted = self.make(rng)
            if rng.random() < 0.3:
                self.shared.append((job, wanted))
            if rng.random() < 0.2 and self.shared:
                job, wanted = rng.choice(list(self.shared))
            way = rng.random()
            self.counts["plain"] += 1
            try:
                if way < 0.6:
                    self.check(wanted, job.wait(rng.random() * 0.02))
                elif way < 0.7:
                    job.cancel()
                elif way < 0.8:
                    job.add_done_callback(lambda job: job.done())
                    job.close()
                elif way < 0.85 and wanted is not None:
                    job.detach()
            except (simul.TimeoutError, simul.CancelledError):
                pass
            except simul.SimulError as error:
                if not (isinstance(wanted, type) and isinstance(error, wanted)):
                    raise
            del job

    async def looped(self, rng: random.Random, turns: int) -> None:
        async def one() -> None:
            job, wanted = self.make(rng)
            if rng.random() < 0.3:
                self.shared.append((job, wanted))
            if rng.random() < 0.2 and self.shared:
                job, wanted = rng.choice(list(self.shared))
            self.counts["looped"] += 1
            try:
                async with asyncio.timeout(rng.random() * 0.02):
                    self.check(wanted, await job)
            except (TimeoutError, simul.CancelledError):
                pass
            except simul.SimulError as error:
                if not (isinstance(wanted, type) and isinstance(error, wanted)):
                    raise

        for _ in range(turns):
            tasks = [asyncio.create_task(one()) for _ in range(rng.randrange(1, 40))]
            for task in rng.sample(tasks, len(tasks) // 4):
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome

    def loops(self, number: int) -> None:
        rng = random.Random(self.seed * 1000 + 500 + number)
        while time.monotonic() < self.until:
            factory = asyncio.new_event_loop
            if number % 2:
                import uvloop

                factory = uvloop.new_event_loop
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(self.looped(rng, rng.randrange(1, 30)))
            self.counts["loops"] += 1

    def answering(self) -> None:
        while time.monotonic() < self.until:
            self.far_end.answer(b"answered")
            gc.collect()
            time.sleep(0.005)

    def guarded(self, work, *args) -> None:
        try:
            work(*args)
        except BaseException as error:
            self.errors.append(error)

    def run(self) -> int:
        jobs.ready(1).wait()
        work = [(self.answering,)]
        work += [(self.plain, number) for number in range(PLAIN_THREADS)]
        work += [(self.loops, number) for number in range(LOOP_THREADS)]
        threads = [threading.Thread(target=self.guarded, args=one) for one in work]
        before = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.shared.clear()
        gc.collect()
        self.far_end.wait_closed(0)
        # What was detached ends by itself within its 10 ms; what was dropped ends when the engine gets to it.
        patience = time.monotonic() + 10
        while statistics()["live_jobs"] and time.monotonic() < patience:
            time.sleep(0.01)
        after = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
        live = statistics()["live_jobs"]
        print(f"seed {self.seed}: {dict(self.counts)}, {self.far_end.accepted} connections")
        print(f"descriptors and threads {before} -> {after}, live jobs {live}")
        for error in self.errors:
            import traceback

            traceback.print_exception(error)
        # One dispatcher thread and its descriptor may have been started meanwhile.
        good = not self.errors and live == 0 and after[0] <= before[0] + 4 and after[1] <= before[1] + 2
        print("ok" if good else "FAIL")
        return 0 if good else 1


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    warnings.simplefilter("ignore", ResourceWarning)
    sys.setswitchinterval(1e-5)
    return Soak(seconds, seed).run()


if __name__ == "__main__":
    sys.exit(main())
