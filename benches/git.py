"""Every number of a whole history: simul beside one `git log --numstat -M` process, pygit2 and PyDriller.

All contenders run in every round, each in a process of its own, so that a slow moment of the machine strikes all alike.
The table shows medians over the rounds: wall time, CPU time of the process and of all that it started, both per commit
too, and the ratio to git's wall time. The totals of simul must be git's, or the benchmark fails; those of the peers are
shown beside them. PyDriller reads the newest commits only (`--pydriller`), for it needs milliseconds for each.

    ./dev bench git
    ./dev bench git --repo PATH --rounds 9 --record

Without --repo a history of 5,000 commits is generated, the same on every run.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import itertools
import json
import os
import pathlib
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
GIT = ["git", "-c", "diff.algorithm=myers", "-c", "diff.renames=true", "-c", "diff.renameLimit=1000"]


@dataclasses.dataclass(frozen=True)
class Totals:
    commits: int
    additions: int
    deletions: int


@dataclasses.dataclass(frozen=True)
class Sample:
    wall_s: float
    cpu_s: float
    totals: Totals


# What each contender does, in a process of its own.


def by_git(repo: str, _commits: int) -> Totals:
    command = [*GIT, "-C", repo, "log", "--numstat", "-M", "--no-show-signature", "--format=%H"]
    commits = additions = deletions = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            fields = line.split(b"\t", 2)
            if len(fields) == 3:
                if fields[0] != b"-":
                    additions += int(fields[0])
                    deletions += int(fields[1])
            elif len(line) > 1:
                commits += 1
    if process.returncode:
        sys.exit(f"git log failed in {repo}")
    return Totals(commits, additions, deletions)


def by_pygit2(repo: str, _commits: int) -> Totals:
    import pygit2

    repository = pygit2.Repository(repo)
    commits = additions = deletions = 0
    for commit in repository.walk(repository.head.target):
        commits += 1
        if len(commit.parents) > 1:
            continue
        if commit.parents:
            diff = repository.diff(commit.parents[0], commit)
        else:
            diff = commit.tree.diff_to_tree(swap=True)
        diff.find_similar()
        additions += diff.stats.insertions
        deletions += diff.stats.deletions
    return Totals(commits, additions, deletions)


def by_pydriller(repo: str, newest: int) -> Totals:
    # It imports a module called git and means GitPython's, not this file, whose folder one of its own modules puts first.
    sys.path[:] = [folder for folder in sys.path if pathlib.Path(folder).resolve() != HERE]
    importlib.import_module("git")
    import pydriller

    commits = additions = deletions = 0
    for commit in itertools.islice(pydriller.Repository(repo, order="reverse").traverse_commits(), newest):
        commits += 1
        if not commit.merge:
            additions += commit.insertions
            deletions += commit.deletions
    return Totals(commits, additions, deletions)


PEERS: dict[str, Callable[[str, int], Totals]] = {"git log": by_git, "pygit2": by_pygit2, "PyDriller": by_pydriller}


def program() -> pathlib.Path:
    """The Rust program that reads one history, built as the rest of what is measured is."""
    release = "release" in pathlib.Path(os.environ.get("SIMUL_BIN", "release")).parts
    command = ["cargo", "build", "--quiet", "--locked", "-p", "simul-git", "--example", "history_numstat"]
    subprocess.run([*command, "--release"] if release else command, cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / ("release" if release else "debug") / "examples" / "history_numstat"


def measure(command: list[str]) -> tuple[float, float, str]:
    """Wall and CPU seconds of a process and of everything that it waited for, and what it printed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} failed with {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, output


def contenders(repo: str, newest: int, names: list[str]) -> Iterator[tuple[str, list[str]]]:
    simul = str(program())
    for name in names:
        if name.startswith("simul"):
            threads = ["--threads", "1"] if name.endswith("1 thread") else []
            engine = ["--children"] if "children" in name else []
            yield name, [simul, "--totals", *threads, *engine, repo]
        else:
            yield name, [sys.executable, __file__, "--contender", name, "--pydriller", str(newest), "--repo", repo]


# A history to read.


def generate(folder: pathlib.Path, commits: int) -> pathlib.Path:
    """A packed repository: source-like files that grow, shrink, move and die, the same on every run."""
    repo = folder / "generated.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(repo)], check=True)
    dice = random.Random(20)
    words = [
        f"{verb}_{noun}" for verb in ("read", "write", "open", "close", "merge") for noun in ("row", "table", "file")
    ]
    common = ["\n", "\n", "    }\n", "    return result\n", "    else:\n"]

    def line() -> str:
        if dice.random() < 0.3:
            return dice.choice(common)
        return f"    {dice.choice(words)}({dice.choice(words)}, {dice.randrange(500)})\n"

    files: dict[str, list[str]] = {}
    with subprocess.Popen(["git", "-C", str(repo), "fast-import", "--quiet"], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None

        def write(text: str) -> None:
            data = text.encode()
            process.stdin.write(b"data %d\n%s\n" % (len(data), data))

        for number in range(commits):
            who = (
                f"Person {dice.randrange(12)} <p{dice.randrange(12)}@example.org> {1_500_000_000 + 3600 * number} +0200"
            )
            process.stdin.write(f"commit refs/heads/main\nauthor {who}\ncommitter {who}\n".encode())
            write(f"Change {number}\n\nWhy it was needed.\n")
            for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 6))):
                path = dice.choice(list(files)) if files and dice.random() < 0.9 else None
                if path is None:
                    path = f"src/{dice.choice(words)}/{dice.choice(words)}_{number}.py"
                    files[path] = [line() for _ in range(dice.randrange(20, 400))]
                elif dice.random() < 0.01 and len(files) > 20:
                    files.pop(path)
                    process.stdin.write(f"D {path}\n".encode())
                    continue
                elif dice.random() < 0.01:
                    moved = f"lib/{path.rsplit('/', 1)[1]}"
                    files[moved] = files.pop(path)
                    process.stdin.write(f"D {path}\n".encode())
                    path = moved
                text = files[path]
                for _ in range(dice.randrange(1, 4)):
                    at = dice.randrange(len(text) + 1)
                    text[at : at + dice.randrange(12)] = [line() for _ in range(dice.randrange(12))]
                process.stdin.write(f"M 100644 inline {path}\n".encode())
                write("".join(text))
    if process.returncode:
        sys.exit("the history could not be generated")
    subprocess.run(["git", "-C", str(repo), "repack", "-adfq"], check=True)
    return repo


def show(samples: dict[str, list[Sample]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    git = statistics.median(sample.wall_s for sample in samples["git log"])
    git_each = git / samples["git log"][0].totals.commits
    print(f"{'':18} {'wall s':>8} {'range':>13} {'CPU s':>7} {'us/commit':>10} {'git=1':>7}  additions/deletions")
    for name, runs in samples.items():
        walls = [run.wall_s for run in runs]
        wall, cpu, totals = statistics.median(walls), statistics.median(run.cpu_s for run in runs), runs[0].totals
        each = wall / totals.commits
        print(
            f"{name:18} {wall:8.3f} {min(walls):6.3f}-{max(walls):.3f} {cpu:7.3f} {each * 1e6:10.1f} "
            f"{git_each / each:7.2f}  +{totals.additions} -{totals.deletions} in {totals.commits}"
        )
        rows.append(
            {
                "name": name,
                "wall_s": wall,
                "wall_s_all": walls,
                "cpu_s": cpu,
                "us_per_commit": each * 1e6,
                "speed_beside_git": git_each / each,
                **dataclasses.asdict(totals),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo", help="a repository to read; else one is generated")
    parser.add_argument("--commits", type=int, default=5000, help="commits to generate")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pydriller", type=int, default=300, help="commits that PyDriller reads")
    parser.add_argument("--only", help="contenders, separated by commas")
    parser.add_argument("--record", action="store_true", help="keep the result in benches/results/")
    parser.add_argument("--contender", choices=list(PEERS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        print(json.dumps(dataclasses.asdict(PEERS[options.contender](options.repo, options.pydriller))))
        return
    names = ["git log", "simul", "simul, 1 thread", "simul children", "pygit2", "PyDriller"]
    if options.only:
        names = ["git log", *(name for name in names[1:] if name in options.only.split(","))]
    with tempfile.TemporaryDirectory() as folder:
        repo = options.repo or str(generate(pathlib.Path(folder), options.commits))
        commands = dict(contenders(repo, options.pydriller, names))
        samples: dict[str, list[Sample]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                wall, cpu, output = measure(command)
                samples[name].append(Sample(wall, cpu, Totals(**json.loads(output))))
    version = subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout.strip()
    print(
        f"{version}, {os.cpu_count()} CPUs, {platform.machine()}, Python {platform.python_version()}, {options.rounds} rounds"
    )
    rows = show(samples)
    wrong = {
        n
        for n, runs in samples.items()
        if n.startswith("simul") and {r.totals for r in runs} != {samples["git log"][0].totals}
    }
    if wrong:
        sys.exit(f"the totals of {', '.join(sorted(wrong))} are not git's")
    path = HERE / "results" / ("git.json" if options.record else "local-git.json")
    path.parent.mkdir(exist_ok=True)
    document = {
        "git": version,
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "rounds": options.rounds,
        "rows": rows,
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
