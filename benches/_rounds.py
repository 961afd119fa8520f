"""Interleaved rounds: every case runs in every round, so that a slow moment of the machine strikes all alike."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import pathlib
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent

Case = TypeVar("Case")
Taken = TypeVar("Taken")


@dataclasses.dataclass
class Sample:
    """What one case cost in one round, for each call. CPU time is that of the whole process, all threads."""

    wall_us: float
    cpu_us: float
    wake_ups: float = 0.0


def rounds_of(cases: Sequence[Case], measure: Callable[[Case], Taken], rounds: int) -> dict[Case, list[Taken]]:
    """What `measure` says of each case in each round."""
    samples: dict[Case, list[Taken]] = {case: [] for case in cases}
    for number in range(rounds):
        # Every other round goes backwards, so that no case always follows the same one.
        for case in cases if number % 2 == 0 else reversed(cases):
            samples[case].append(measure(case))
    return samples


def timed(run: Callable[[], object], calls: int) -> Sample:
    """Run once what makes `calls` calls, and divide."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Sample(wall * 1e6 / calls, cpu * 1e6 / calls)


def medians(taken: Sequence[Sample]) -> dict[str, Any]:
    """The columns that every table has."""
    wall = statistics.median(sample.wall_us for sample in taken)
    return {
        "wall_us": round(wall, 3),
        "cpu_us": round(statistics.median(sample.cpu_us for sample in taken), 3),
        "calls_per_second": round(1e6 / wall),
        "wall_us_rounds": [round(sample.wall_us, 3) for sample in taken],
    }


def new_loop(kind: str) -> Callable[[], Any]:
    """What makes a loop of this kind."""
    if kind == "uvloop":
        import uvloop

        return uvloop.new_event_loop
    import asyncio

    return asyncio.new_event_loop


def commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def write(name: str, what: str, rounds: int, rows: list[dict[str, Any]], *, record: bool, **more: object) -> None:
    """Keep a result: in benches/results/NAME.json if it is to be recorded, else in a file that git ignores."""
    document = {
        "what": what,
        "commit": commit(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "build": "development" if os.environ.get("SIMUL_BENCH_DEV") else "release",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "rounds": rounds,
        **more,
        "rows": rows,
    }
    file = HERE / "results" / (f"{name}.json" if record else f"local-{name}.json")
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(document, indent=1) + "\n")
    print(f"written to {file.relative_to(ROOT)}")
