"""What tests of every area share: both kinds of loop, the far end, child processes, a git repository to stand in."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from .job.child import run_child, start_child
from .job.far_end import FarEnd

WHO = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *words: str, **env: str) -> str:
    """Run git in a folder, with nothing of the machine's configuration."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *words],
        cwd=folder,
        env=clean | WHO | env,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture
def git_folder(tmp_path: Path) -> Path:
    """A folder that is a small repository: what the documentation's examples run in."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for day, text in enumerate(["one\n", "one\ntwo\n", "one\n2\nthree\n"], start=1):
        (folder / "notes.txt").write_text(text, encoding="utf-8")
        git(folder, "add", "notes.txt")
        at = f"2026-01-{day:02}T12:00:00+0100"
        git(folder, "commit", "--quiet", "-m", f"Note {day}", GIT_AUTHOR_DATE=at, GIT_COMMITTER_DATE=at)
    return folder


@pytest.fixture
def run_program(git_folder: Path) -> Callable[..., str]:
    """Run Python there in a process of its own; it must end well and say nothing on stderr. Returns its stdout."""

    def run(*words: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-W", "error", *words],
            cwd=git_folder,
            env=os.environ | {"HOME": str(git_folder), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert ran.stderr == ""
        return ran.stdout

    return run


def pytest_collection_finish():
    """What collecting the tests made lives to the end: the collector, which runs after each test, may pass it over."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    """At the end it is ordinary garbage again: some libraries look for what was left."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def nothing_unraisable(monkeypatch):
    """Fails the test for what Python could only print: an error in a destructor, a callback, a thread."""
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: seen.append(repr(args.exc_value)))
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(repr(args.exc_value)))
    yield seen
    gc.collect()
    assert seen == []


@pytest.fixture
def far_end():
    server = FarEnd()
    yield server
    server.stop()


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_kind(request):
    return request.param


@pytest.fixture
def new_loop(loop_kind):
    """A function that makes a loop of the kind under test."""
    if loop_kind == "uvloop":
        return pytest.importorskip("uvloop", reason="uvloop has no build for this interpreter").new_event_loop
    return asyncio.new_event_loop


@pytest.fixture
def run(new_loop):
    """Runs a coroutine function on a fresh loop of the kind under test, as asyncio.run does."""

    def run(main, *args, debug=False):
        with asyncio.Runner(loop_factory=new_loop, debug=debug) as runner:
            # On a busy machine any step may be slow.
            runner.get_loop().slow_callback_duration = 3600
            return runner.run(main(*args))

    return run


@pytest.fixture
def child(tmp_path):
    """Runs source in a child process; see run_child."""
    return functools.partial(run_child, tmp_path)


@pytest.fixture
def starting_child(tmp_path):
    """Starts source in a child process that the test talks to; see start_child."""
    started = []

    def start(*args, **options):
        started.append(start_child(tmp_path, *args, **options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


@pytest.fixture
def in_thread():
    """Runs a function in a thread and gives a handle whose `join` returns its value or raises its error."""
    threads = []

    class Running(threading.Thread):
        def __init__(self, function, args):
            super().__init__(daemon=True)
            self.function, self.args, self.outcome = function, args, None

        def run(self):
            try:
                self.outcome = (True, self.function(*self.args))
            except BaseException as error:
                self.outcome = (False, error)

        def join(self, timeout=60):
            super().join(timeout)
            assert not self.is_alive(), f"{self.function} still runs"
            good, value = self.outcome
            if good:
                return value
            raise value

    def start(function, *args):
        thread = Running(function, args)
        threads.append(thread)
        thread.start()
        return thread

    yield start
    for thread in threads:
        threading.Thread.join(thread, 60)


@pytest.fixture
def one_at_a_time():
    """Threads change only where one blocks: who sees a flag set just before a blocking call knows it was entered."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(before)
