"""What the tests of detection share."""

from __future__ import annotations

import inspect
import logging
import sys
import threading

import pytest

import simul


def line_of(function, mark):
    """The number of the line of a function that carries a mark in a comment."""
    lines, first = inspect.getsourcelines(function)
    found = [number for number, line in enumerate(lines, first) if f"# {mark}" in line]
    assert len(found) == 1, found
    return found[0]


def names_a_mark(report):
    """Whether a report blames a line that carries a mark. A busy machine makes any line stand still for a while."""
    return "  # " in report.site.text


@pytest.fixture
def spoken():
    """An event that is set once the watchdog has spoken: what blocks until then is held up for just long enough."""
    return threading.Event()


@pytest.fixture
def watching(spoken):
    """Detection with a short threshold, that sets `spoken` once it reports a nested call, or blames a marked line."""
    started = []

    def start(*kinds, threshold=0.02, **options):
        def on_report(report):
            if report.kind in (kinds or ("blocked", "nested")) and (report.kind == "nested" or names_a_mark(report)):
                spoken.set()

        started.append(simul.debug(threshold, on_report=on_report, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()
    assert sys.get_coroutine_origin_tracking_depth() == 0
    assert [thread.name for thread in threading.enumerate() if thread.name == "simul-watchdog"] == []


@pytest.fixture(autouse=True)
def quiet(caplog):
    """What is logged is kept for the test, and is not printed."""
    caplog.set_level(logging.WARNING, logger="simul.debug")
