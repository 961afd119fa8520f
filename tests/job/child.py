"""Runs a piece of Python in a process of its own, under a watchdog that says where it hung."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import textwrap

# A watchdog, not a bound: a child that gets here hangs.
PATIENCE_SECONDS = 60.0

# Every child starts with these names; `arguments` are the strings that the test passed.
PRELUDE = """\
import asyncio, contextlib, gc, os, signal, sys, threading, warnings, weakref
arguments = sys.argv[1:]
def say(*words):
    print(*words, flush=True)
def new_loop(kind):
    if kind == "uvloop":
        import uvloop
        return uvloop.new_event_loop()
    return asyncio.new_event_loop()
def use(kind):
    # New loops, those of threads too, are of this kind from now on.
    if kind == "uvloop":
        import uvloop
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # policies are deprecated from 3.14 on, and still in use
            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
def run(main, kind="asyncio", **options):
    with asyncio.Runner(loop_factory=lambda: new_loop(kind), **options) as runner:
        return runner.run(main)
"""


@dataclasses.dataclass
class Finished:
    """What a child left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Child:
    """A running child: `tell` writes a line to it, `expect` reads its next line, `finish` waits for its end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.pid = process.pid

    def expect(self, line: str) -> None:
        said = self.process.stdout.readline()
        if said.rstrip("\n") != line:
            self.process.kill()
            rest, err = self.process.communicate()
            raise AssertionError(f"the child said {said + rest!r}, not {line!r}; stderr:\n{err}")

    def tell(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def finish(self, timeout: float = PATIENCE_SECONDS) -> Finished:
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # faulthandler prints every thread's stack
            try:
                out, err = self.process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                out, err = self.process.communicate()
            raise AssertionError(f"the child hung; stdout:\n{out}\nstderr:\n{err}") from None
        return Finished(self.process.returncode, out, err)


def start_child(
    folder: pathlib.Path,
    source: str,
    *arguments: object,
    options: tuple[str, ...] = (),
    env: dict[str, str] | None = None,
) -> Child:
    """Starts `source` with warnings as errors; `options` are the interpreter's, `env` is added to ours."""
    script = folder / f"child{len(list(folder.glob('child*.py')))}.py"
    script.write_text(PRELUDE + textwrap.dedent(source))
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-W", "error", *options, str(script), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )
    return Child(process)


def run_child(folder: pathlib.Path, source: str, *arguments: object, code: int = 0, **options) -> Finished:
    """Runs `source` to its end and checks its exit code and that it wrote nothing on stderr."""
    finished = start_child(folder, source, *arguments, **options).finish()
    assert (finished.code, finished.err) == (code, ""), (
        f"exit code {finished.code} (expected {code})\nstdout:\n{finished.out}\nstderr:\n{finished.err}"
    )
    return finished
