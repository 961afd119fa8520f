"""Fixtures of the Job battery: both kinds of loop, the far end, child processes."""

from __future__ import annotations

import asyncio
import functools
import gc
import sys
import threading

import pytest

from .child import run_child, start_child
from .far_end import FarEnd


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
