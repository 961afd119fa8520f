"""The round trip of a bare Job, beside the usual ways to leave a loop and come back.

A round trip is a call that does nothing: what is measured is the way there and back. Every case runs in every round,
so that a slow moment of the machine strikes all alike; the table shows medians over the rounds, as wall time and as
CPU time of the whole process (all threads) for each call. "wake-ups" are simul's loop wake-ups for each call: with many
in flight one serves a batch, and a Job that has ended before it is awaited needs none.

    ./dev bench engine
    python benches/engine.py --rounds 9 --calls 6400 --record
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import dataclasses
import importlib.util
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable

import simul
from _rounds import HERE, ROOT, Sample, medians, new_loop, rounds_of, timed, write
from simul.testing import jobs

PEER = HERE / "peers" / "future_into_py"
IN_FLIGHT = 64


@dataclasses.dataclass(frozen=True)
class Case:
    """One way to make a call. `shape` is how the calls are made: 64 in flight, one after the other, or blocking."""

    name: str
    shape: str
    loop: str
    call: Callable[[], object]


def nothing() -> int:
    return 1


def build_peer() -> object | None:
    """The extension built on pyo3-async-runtimes, or None where there is no cargo."""
    if shutil.which("cargo") is None:
        return None
    target = ROOT / "target" / "peers"
    # The peer drops Python objects on its threads, which simul's own build forbids: it gets no flag of ours.
    environment = {**os.environ, "RUSTFLAGS": "", "CARGO_TARGET_DIR": str(target), "PYO3_PYTHON": sys.executable}
    command = ["cargo", "build", "--release", "--locked", "--manifest-path", str(PEER / "Cargo.toml")]
    built = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)
    if built.returncode:
        print(f"the peer could not be built, so it is left out:\n{built.stderr}", file=sys.stderr)
        return None
    path = target / "release" / "libfuture_into_py.so"
    spec = importlib.util.spec_from_file_location("future_into_py", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rust_only(rounds: int) -> dict[str, float] | None:
    """The same round trip from Rust, with no Python in the process."""
    if shutil.which("cargo") is None:
        return None
    profile = ("dev", "debug") if os.environ.get("SIMUL_BENCH_DEV") else ("release", "release")
    # The packages and features of ./dev, so that nothing is compiled twice.
    packages = ["-p", "simul-cli", "-p", "simul-python", "-p", "simul-engine", "--features", "simul-engine/testing"]
    command = ["cargo", "build", "--quiet", "--locked", "--profile", profile[0], *packages, "--example", "round_trip"]
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    program = target / profile[1] / "examples" / "round_trip"
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode == 0:
        ran = subprocess.run([program, str(rounds)], capture_output=True, text=True, check=False)
    if ran.returncode:
        print(f"the Rust round trip did not run, so it is left out:\n{ran.stderr}", file=sys.stderr)
        return None
    return json.loads(ran.stdout)


def make_cases(loops: list[str], peer: object | None) -> list[Case]:
    def to_thread() -> Awaitable[int]:
        return asyncio.to_thread(nothing)

    def in_executor() -> Awaitable[int]:
        return asyncio.get_running_loop().run_in_executor(None, nothing)

    awaited: dict[str, Callable[[], object]] = {
        "simul Job, ready value": lambda: jobs.ready(1),
        "simul Job, timer 0": lambda: jobs.sleep(0, 1),
        "asyncio.to_thread": to_thread,
        "loop.run_in_executor": in_executor,
    }
    if peer is not None:
        awaited["future_into_py, ready value"] = lambda: peer.ready(1)
        awaited["future_into_py, timer 0"] = lambda: peer.sleep(0.0, 1)
    pool = concurrent.futures.ThreadPoolExecutor(1)
    blocking = {
        "simul Job.wait(), ready value": lambda: jobs.ready(1).wait(),
        "simul Job.wait(), timer 0": lambda: jobs.sleep(0, 1).wait(),
        "ThreadPoolExecutor.submit().result()": lambda: pool.submit(nothing).result(),
    }
    shapes = [f"{IN_FLIGHT} in flight", "one at a time"]
    cases = [Case(name, shape, loop, call) for shape in shapes for loop in loops for name, call in awaited.items()]
    return cases + [Case(name, "blocking", "none", call) for name, call in blocking.items()]


async def in_flight(call: Callable[[], Awaitable[int]], calls: int, width: int) -> None:
    async def worker() -> None:
        for _ in range(calls // width):
            await call()

    await asyncio.gather(*[worker() for _ in range(width)])


def blocking(call: Callable[[], int], calls: int) -> None:
    for _ in range(calls):
        call()


def measure(case: Case, runners: dict[str, asyncio.Runner], calls: int) -> Sample:
    def run() -> None:
        if case.shape == "blocking":
            blocking(case.call, calls)
        else:
            width = IN_FLIGHT if case.shape.startswith(str(IN_FLIGHT)) else 1
            runners[case.loop].run(in_flight(case.call, calls, width))

    woken = simul.testing.statistics()["wake_ups"]
    sample = timed(run, calls)
    sample.wake_ups = (simul.testing.statistics()["wake_ups"] - woken) / calls
    return sample


def run(cases: list[Case], loops: list[str], rounds: int, calls: int) -> dict[Case, list[Sample]]:
    runners = {loop: asyncio.Runner(loop_factory=new_loop(loop)) for loop in loops}
    for case in cases:
        measure(case, runners, max(calls // 10, IN_FLIGHT))  # warm
    samples = rounds_of(cases, lambda case: measure(case, runners, calls), rounds)
    for runner in runners.values():
        runner.close()
    return samples


def rows_of(samples: dict[Case, list[Sample]]) -> list[dict[str, object]]:
    return [
        {
            "case": case.name,
            "shape": case.shape,
            "loop": case.loop,
            **medians(taken),
            "simul_wake_ups_per_call": round(statistics.median(sample.wake_ups for sample in taken), 3),
        }
        for case, taken in samples.items()
    ]


def print_table(rows: list[dict[str, object]], rust: dict[str, float] | None) -> None:
    print(f"{'':38} {'loop':8} {'us a call':>10} {'CPU us':>8} {'calls/s':>9} {'wake-ups':>8}")
    for shape in dict.fromkeys(row["shape"] for row in rows):
        print(f"-- {shape}")
        for row in sorted((row for row in rows if row["shape"] == shape), key=lambda row: row["wall_us"]):
            print(
                f"{row['case']:38} {row['loop']:8} {row['wall_us']:10.2f} {row['cpu_us']:8.2f}"
                f" {row['calls_per_second']:9,} {row['simul_wake_ups_per_call'] or '':>8}"
            )
    if rust:
        print("-- Rust alone, no Python in the process")
        for name, value in rust.items():
            print(f"{name:38} {'':8} {value:10.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds (default 9)")
    parser.add_argument("--calls", type=int, default=6400, help="calls a round and case (default 6400)")
    parser.add_argument("--loop", choices=["asyncio", "uvloop", "both"], default="both")
    parser.add_argument("--no-peer", action="store_true", help="leave out the extension that cargo must build")
    parser.add_argument(
        "--record", action="store_true", help="write benches/results/engine.json instead of a local file"
    )
    options = parser.parse_args()
    loops = ["asyncio", "uvloop"] if options.loop == "both" else [options.loop]
    if "uvloop" in loops and importlib.util.find_spec("uvloop") is None:
        print("uvloop is not installed, so it is left out", file=sys.stderr)
        loops.remove("uvloop")
    peer = None if options.no_peer else build_peer()
    if peer is not None:
        peer.set_workers(simul.testing.statistics().get("workers", 1) or 1)
    rust = None if options.no_peer else rust_only(options.rounds)
    rows = rows_of(run(make_cases(loops, peer), loops, options.rounds, options.calls))
    print_table(rows, rust)
    what = "round trip of a call that does nothing"
    write("engine", what, options.rounds, rows, record=options.record, calls_a_round=options.calls, rust_us=rust)


if __name__ == "__main__":
    main()
