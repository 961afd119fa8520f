"""What detection costs when it is on: the same work with it off and on, in turns, CPU time beside the rate."""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import sys
import threading
import time

import simul
from simul.testing import jobs

ROUNDS = 7
THRESHOLDS = {"off": None, "on, 0.1 s": 0.1, "on, 0.02 s": 0.02}

logging.getLogger("simul.debug").disabled = True


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def tasks(count):
    async def one():
        await asyncio.sleep(0)

    for _ in range(count // 100):
        await asyncio.gather(*[one() for _ in range(100)])


async def ready_jobs(count):
    for _ in range(count // 100):
        await asyncio.gather(*[jobs.ready(n) for n in range(100)])


async def locks(count):
    lock = simul.sync.Lock()
    for _ in range(count):
        async with lock:
            pass


async def idle(_count):
    await asyncio.sleep(1)


WORK = {
    "a turn of the loop": (turns, 50_000),
    "a task": (tasks, 20_000),
    "a Job, 100 in flight": (ready_jobs, 10_000),
    "a lock, uncontended": (locks, 100_000),
    "an idle second": (idle, 1),
}


def once(work, count, threshold, threads):
    watch = simul.debug(threshold) if threshold is not None else None
    stop = threading.Event()
    extra = [threading.Thread(target=stop.wait) for _ in range(threads)]
    for thread in extra:
        thread.start()
    try:
        wall, cpu = time.perf_counter(), time.process_time()
        asyncio.run(work(count))
        return (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count
    finally:
        stop.set()
        for thread in extra:
            thread.join()
        if watch is not None:
            watch.stop()


def main():
    rows = []
    for name, (work, count) in WORK.items():
        for threads in (0, 20) if work is idle else (0,):
            taken = {setting: [] for setting in THRESHOLDS}
            for _ in range(ROUNDS if work is not idle else 3):
                for setting, threshold in THRESHOLDS.items():  # in turns, so that a busy moment hits all alike
                    taken[setting].append(once(work, count, threshold, threads))
            for setting, pairs in taken.items():
                wall, cpu = (statistics.median(column) * 1e6 for column in zip(*pairs, strict=True))
                label = name + (f", {threads} more threads" if threads else "")
                rows.append({"work": label, "detection": setting, "wall_us": round(wall, 3), "cpu_us": round(cpu, 3)})
    width = max(len(row["work"]) for row in rows)
    print(f"{'work':{width}}  {'detection':11}  {'us':>12}  {'CPU us':>10}")
    for row in rows:
        print(f"{row['work']:{width}}  {row['detection']:11}  {row['wall_us']:12.3f}  {row['cpu_us']:10.3f}")
    print(json.dumps({"python": sys.version.split()[0], "rows": rows}))


main()
