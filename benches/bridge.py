"""What it costs to cross between sync and async, and to take turns, beside the usual ways to do it.

Every case runs in every round, so that a slow moment of the machine strikes all alike; the tables show medians over the
rounds, as wall time and as CPU time of the whole process (all threads) for each call. "simul = 1" is the wall time beside
simul's first row of that table: 5.0 means that it takes five times as long. What is not there (a peer that is not
installed, a name that simul does not have) is left out with a line that says so.

    ./dev bench bridge
    ./dev bench bridge --only 'Lock,hand-off' --rounds 9
    ./dev bench bridge --loop uvloop --record
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import statistics
import sys
import warnings
from collections.abc import Iterable

import _bridge_calls
import _bridge_handoff
import _bridge_primitives
from _rounds import Sample, medians, rounds_of, timed, write
from _stage import Case, Run, Stage

PROBE_CALLS = 64


class Entrant:
    """A case that could be made, and how many calls of it fit into its share of a round."""

    def __init__(self, case: Case, run: Run, most_calls: int, most_seconds: float) -> None:
        self.case, self.run = case, run
        self.calls = PROBE_CALLS
        self.sample()  # the first calls fill caches
        for _ in range(2):
            fitting = int(most_seconds * 1e6 / self.sample().wall_us)
            self.calls = max(PROBE_CALLS, min(most_calls, fitting - fitting % PROBE_CALLS))

    def sample(self) -> Sample:
        given: list[object] = []
        sample = timed(lambda: given.append(self.run(self.calls)), self.calls)
        # What runs in a process of its own is measured there.
        return given[0] if isinstance(given[0], Sample) else sample


def entrants(cases: Iterable[Case], stage: Stage, calls: int, share: float) -> Iterable[Entrant]:
    for case in cases:
        try:
            yield Entrant(case, case.make(stage), calls, share)
        except (ImportError, AttributeError, NotImplementedError) as error:
            print(f"left out: {case.group}: {case.name} ({type(error).__name__}: {error})", file=sys.stderr)


def rows_of(samples: dict[Entrant, list[Sample]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    ours: dict[str, list[float]] = {}
    for entrant, taken in samples.items():
        walls = [sample.wall_us for sample in taken]
        if entrant.case.name.startswith("simul"):
            ours.setdefault(entrant.case.group, walls)
        beside = ours.get(entrant.case.group)
        rows.append(
            {
                "group": entrant.case.group,
                "case": entrant.case.name,
                **medians(taken),
                # The median of the rounds' own ratios: each compares two moments that lie close together.
                "beside_simul": round(statistics.median(a / b for a, b in zip(walls, beside, strict=True)), 2)
                if beside
                else None,
                "calls_a_round": entrant.calls,
            }
        )
    return rows


def print_tables(rows: list[dict[str, object]]) -> None:
    print(f"{'':38} {'us a call':>10} {'range':>17} {'CPU us':>9} {'simul = 1':>10}")
    for group in dict.fromkeys(row["group"] for row in rows):
        print(f"-- {group}")
        for row in sorted((row for row in rows if row["group"] == group), key=lambda row: row["wall_us"]):
            walls = row["wall_us_rounds"]
            span = f"{min(walls):.2f}-{max(walls):.2f}"
            ratio = "" if row["beside_simul"] is None else f"{row['beside_simul']:.2f}"
            print(f"{row['case']:38} {row['wall_us']:10.2f} {span:>17} {row['cpu_us']:9.2f} {ratio:>10}")


def chosen(only: str) -> list[Case]:
    """The cases whose group or name contains one of the words."""
    every = [*_bridge_calls.cases(), *_bridge_primitives.cases(), *_bridge_handoff.cases()]
    words = [word.strip().lower() for word in only.split(",") if word.strip()]
    if not words:
        return every
    found = [case for case in every if any(word in f"{case.group}: {case.name}".lower() for word in words)]
    if not found:
        groups = "\n  ".join(dict.fromkeys(case.group for case in every))
        sys.exit(f"no case is called like {only!r}; the groups are\n  {groups}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="words, separated by commas, that a group or a case must contain")
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (default 7)")
    parser.add_argument("--calls", type=int, default=20_000, help="most calls a round and case (default 20000)")
    parser.add_argument("--share", type=float, default=0.05, help="most seconds a round and case (default 0.05)")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio", help="the loop of all that has one")
    parser.add_argument("--record", action="store_true", help="write benches/results/bridge.json, not a local file")
    parser.add_argument("--nest-asyncio", metavar="WHAT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.nest_asyncio:
        _bridge_calls.patched_by_nest_asyncio(options.nest_asyncio, timed)
        return
    if options.loop == "uvloop" and importlib.util.find_spec("uvloop") is None:
        sys.exit("uvloop is not installed: run this without --loop uvloop")
    warnings.simplefilter("ignore", DeprecationWarning)  # the peers'
    with contextlib.ExitStack() as closing:
        stage = Stage(options.loop, closing)
        ready = list(entrants(chosen(options.only), stage, options.calls, options.share))
        rows = rows_of(rounds_of(ready, Entrant.sample, options.rounds))
    print_tables(rows)
    name = "bridge" if options.loop == "asyncio" else f"bridge-{options.loop}"
    what = "crossing between sync and async, and taking turns"
    write(name, what, options.rounds, rows, record=options.record, loop=options.loop)


if __name__ == "__main__":
    main()
