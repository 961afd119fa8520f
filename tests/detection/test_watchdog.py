"""The watchdog's judgement, look by look, on a clock that the test turns."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

import simul
from simul.detection.watchdog import Watchdog


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watched(clock, new_loop):
    """A watchdog without its thread, and a loop in its own; `step` runs a function there."""
    reports = []
    watchdog = Watchdog(0.1, reports.append, clock)
    return watchdog, reports


def looks(watchdog, clock, seconds, times):
    for _ in range(times):
        clock.now += seconds / times
        watchdog.look()


@pytest.fixture
def held(new_loop, in_thread):
    """A loop in a thread of its own that stands in a step until the test lets it go."""
    entered, leave, turned = threading.Event(), threading.Event(), threading.Event()

    def body():
        async def main():
            entered.set()
            assert leave.wait(60)
            # Whatever beat was asked for has been made when these turns are over.
            for _ in range(3):
                await asyncio.sleep(0)
            turned.set()
            assert end.wait(60)

        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())

    end = threading.Event()
    thread = in_thread(body)
    assert entered.wait(60)
    yield leave, turned
    leave.set()
    end.set()
    thread.join()


def test_a_step_shorter_than_the_threshold_is_never_reported(watched, clock, held):
    watchdog, reports = watched
    watchdog.look()
    looks(watchdog, clock, 0.1, 5)
    assert reports == []


def test_a_step_of_one_and_a_half_thresholds_is_reported_once(watched, clock, held):
    watchdog, reports = watched
    watchdog.look()
    looks(watchdog, clock, 0.15, 8)
    assert [report.kind for report in reports] == ["blocked"]
    assert 0.1 <= reports[0].seconds <= 0.15
    looks(watchdog, clock, 10.0, 100)
    assert len(reports) == 1
    assert reports[0].seconds == pytest.approx(10.15)
    assert not reports[0].ended


def test_a_beat_closes_the_report_with_the_whole_duration(watched, clock, held):
    leave, turned = held
    watchdog, reports = watched
    watchdog.look()
    looks(watchdog, clock, 2.0, 100)
    leave.set()
    assert turned.wait(60)
    assert reports[0].ended
    assert reports[0].seconds == pytest.approx(2.0)


def test_a_watchdog_that_could_not_look_sees_the_whole_time_at_its_first_look(watched, clock, held):
    """Somebody held the interpreter: the loop was found for the first time after it."""
    watchdog, reports = watched
    clock.now += 5.0
    watchdog.look()
    assert [report.kind for report in reports] == ["blocked"]
    assert reports[0].seconds == pytest.approx(5.0 - watchdog.interval)


def test_what_was_seen_most_often_is_told(watched, clock, held):
    watchdog, reports = watched
    watchdog.look()
    looks(watchdog, clock, 0.15, 8)
    assert "leave.wait" in reports[0].site.text


def test_a_loop_that_does_not_turn_is_not_late(watched, clock, new_loop):
    watchdog, reports = watched
    loop = new_loop()
    loop.run_until_complete(asyncio.sleep(0))
    watchdog.watch(loop)
    looks(watchdog, clock, 60.0, 10)
    loop.close()
    assert reports == []


def test_a_loop_with_a_clock_of_its_own_is_left_alone(clock):
    class Virtual(asyncio.SelectorEventLoop):
        def time(self):
            return 12345.0

    reports = []
    watchdog = Watchdog(0.1, reports.append, clock)

    async def main():
        watchdog.watch(asyncio.get_running_loop())
        await asyncio.to_thread(watchdog.look)
        await asyncio.to_thread(watchdog.look)
        for _ in range(3):
            await asyncio.sleep(0)
        scheduled = len(asyncio.get_running_loop()._scheduled)
        clock.now += 60
        await asyncio.to_thread(watchdog.look)
        return scheduled

    with asyncio.Runner(loop_factory=Virtual) as runner:
        assert runner.run(main()) == 0
    assert reports == []
    assert sys.get_coroutine_origin_tracking_depth() == 0


def test_a_step_that_follows_a_time_without_a_turn_is_named_as_well(watched, clock, in_thread):
    """Starved first, blocked afterwards, and no beat between the two: each is told."""

    class Deaf(asyncio.SelectorEventLoop):
        """Hears of nothing but what the test asks of it, so no beat is made."""

        def call_soon_threadsafe(self, callback, *args, context=None):
            del callback, args, context

        def ask(self, callback):
            return super().call_soon_threadsafe(callback)

    def block():
        entered.set()
        assert leave.wait(60)
        loop.stop()

    watchdog, reports = watched
    entered, leave = threading.Event(), threading.Event()
    loop = Deaf()
    watchdog.watch(loop)
    thread = in_thread(loop.run_forever)
    try:
        while not reports or reports[-1].kind != "starved":
            assert len(reports) < 100
            looks(watchdog, clock, 0.15, 8)
        loop.ask(block)
        assert entered.wait(60)
        before = len(reports)
        looks(watchdog, clock, 0.3, 16)
    finally:
        leave.set()
        thread.join()
        loop.close()
    assert [report.kind for report in reports[before:]] == ["blocked"]
    assert reports[before - 1].ended
    assert "leave.wait" in reports[before].site.text


@pytest.fixture
def step(in_thread, new_loop):
    """Runs functions one after the other in one step of a loop; each stands until the test calls what `step` gives."""
    ends = []

    def start(*functions):
        gates = [threading.Event() for _ in functions]
        entered = [threading.Event() for _ in functions]
        ends.extend(gates)

        async def main():
            for function, came, gate in zip(functions, entered, gates, strict=True):
                function(came, gate)

        def body():
            with asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(main())

        threads.append(in_thread(body))

        def stands_in(number):
            if number:
                gates[number - 1].set()
            assert entered[number].wait(60)

        return stands_in

    threads = []
    yield start
    for gate in ends:
        gate.set()
    for thread in threads:
        thread.join()


def first(came, gate):
    came.set()
    assert gate.wait(60)


def second(came, gate):
    came.set()
    assert gate.wait(60)


def nested(came, gate):
    async def inner():
        # Once the loop inside turns: the first step of a call is a step of the loop outside.
        await asyncio.sleep(0)
        await asyncio.gather(asyncio.to_thread(gate.wait, 60), told())

    async def told():
        came.set()

    simul.run(inner())


def names(report):
    return [site.function for site in report.stack]


def test_each_place_where_a_step_stands_is_told_once(watched, clock, step):
    watchdog, reports = watched
    stands_in = step(first, second, first)
    stands_in(0)
    watchdog.look()
    looks(watchdog, clock, 0.3, 16)
    stands_in(1)
    looks(watchdog, clock, 0.3, 16)
    assert ["first" in names(reports[0]), "second" in names(reports[1])] == [True, True]
    assert reports[0].ended
    assert not reports[1].ended
    stands_in(2)
    looks(watchdog, clock, 0.3, 16)
    assert len(reports) == 2


def test_a_nested_call_in_a_step_that_stood_elsewhere_before_is_told(watched, clock, step):
    watchdog, reports = watched
    stands_in = step(first, nested)
    stands_in(0)
    watchdog.look()
    looks(watchdog, clock, 0.3, 16)
    stands_in(1)
    looks(watchdog, clock, 0.3, 16)
    assert [report.kind for report in reports if "first" not in names(report)].count("nested") == 1
    assert "waits for" in "".join(next(report for report in reports if report.kind == "nested").waits_for)


def test_places_that_come_and_go_within_the_threshold_are_one_report(watched, clock, step):
    watchdog, reports = watched
    stands_in = step(first, second, first)
    stands_in(0)
    watchdog.look()
    looks(watchdog, clock, 0.3, 16)
    stands_in(1)
    looks(watchdog, clock, 0.08, 4)
    stands_in(2)
    looks(watchdog, clock, 0.08, 4)
    assert len(reports) == 1
