"""The watchdog names what holds a loop up: its line, its task, its stack.

Nothing here waits for time: what blocks, blocks until the watchdog has spoken.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading

import pytest

import simul
from simul.testing import jobs
from tests.bridge.waiting import until_in_loop

from .conftest import line_of, names_a_mark

PATIENCE = 60


def only(watch):
    found = [report for report in watch.reports if report.kind == "blocked" and names_a_mark(report)]
    assert len(found) == 1, [str(report) for report in watch.reports]
    return found[0]


def test_the_culprits_line_its_task_and_its_stack_are_named(run, watching, spoken, caplog):
    def helper():
        assert spoken.wait(PATIENCE)  # culprit

    async def handler():
        helper()

    async def main():
        await asyncio.create_task(handler(), name="the busy one")

    watch = watching()
    run(main)
    report = only(watch)
    assert (report.site.file, report.site.line) == (__file__, line_of(helper, "culprit"))
    assert "spoken.wait" in report.site.text
    functions = [site.function.split(".")[-1] for site in report.stack]
    assert functions.index("helper") < functions.index("handler")
    assert "the busy one" in report.task and "handler" in report.task
    assert report.thread == "MainThread"
    assert report.seconds >= watch.threshold
    assert str(report.site) in caplog.text and "the busy one" in caplog.text


def test_a_block_in_the_very_first_step_of_a_run_is_seen(run, watching, spoken):
    async def main():
        assert spoken.wait(PATIENCE)  # culprit

    watch = watching()
    run(main)
    assert only(watch).site.line == line_of(main, "culprit")


def test_a_plain_callback_is_named_too(run, watching, spoken):
    def callback():
        assert spoken.wait(PATIENCE)  # culprit

    async def main():
        asyncio.get_running_loop().call_soon(callback)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    watch = watching()
    run(main)
    assert only(watch).site.line == line_of(callback, "culprit")


def test_a_step_that_keeps_its_loop_in_a_variable_is_named_like_any(run, watching, spoken):
    async def main():
        loop = asyncio.get_running_loop()
        assert spoken.wait(PATIENCE)  # culprit
        return loop

    watch = watching()
    run(main)
    assert only(watch).site.line == line_of(main, "culprit")


def test_when_the_loop_turns_again_the_report_is_closed_with_its_whole_duration(run, watching, spoken, caplog):
    async def main():
        assert spoken.wait(PATIENCE)  # culprit
        report = only(watch)
        first = report.seconds
        await until_in_loop(lambda: report.ended)
        return first

    watch = watching()
    first = run(main)
    watch.stop()
    assert only(watch).seconds >= first
    assert "turns again" in caplog.text


def test_a_loop_that_only_waits_is_not_reported(run, watching, in_thread, spoken):
    """One loop waits beside one that is held up; only that one is named."""

    async def main():
        until = asyncio.Event()
        waiting.append((asyncio.get_running_loop(), until))
        asyncio.get_running_loop().call_soon(entered.set)
        await until.wait()

    async def busy():
        assert entered.wait(PATIENCE)
        assert spoken.wait(PATIENCE)  # culprit

    entered, waiting = threading.Event(), []
    # Longer than a busy machine keeps a thread from its few steps.
    watch = watching("blocked", threshold=0.2)
    beside = in_thread(run, main)
    run(busy)
    [(loop, until)] = waiting
    loop.call_soon_threadsafe(until.set)
    beside.join()
    assert only(watch).site.line == line_of(busy, "culprit")
    assert not [report for report in watch.reports if report.thread == beside.name and report.kind == "blocked"]


def test_a_loop_in_another_thread_is_found(run, watching, spoken, in_thread):
    async def main():
        assert spoken.wait(PATIENCE)  # culprit
        return threading.current_thread().name

    watch = watching()
    name = in_thread(run, main).join()
    report = only(watch)
    assert report.site.line == line_of(main, "culprit")
    assert report.thread == name


def test_a_loop_that_was_made_by_hand_before_is_found(new_loop, watching, spoken):
    class Server:
        def __init__(self):
            self.made = new_loop()

        def serve(self):
            self.made.call_soon(self.work)
            self.made.call_soon(self.made.stop)
            self.made.run_forever()

        def work(self):
            assert spoken.wait(PATIENCE)  # culprit

    server = Server()
    watch = watching()
    server.serve()
    server.made.close()
    assert only(watch).site.line == line_of(Server.work, "culprit")


def test_a_loop_that_is_handed_over_is_watched(new_loop, watching, spoken):
    class Server:
        def work(self):
            assert spoken.wait(PATIENCE)  # culprit

    server = Server()
    watch = watching()
    server.made = new_loop()
    watch.watch(server.made)
    server.made.call_soon(server.work)
    server.made.call_soon(server.made.stop)
    server.made.run_forever()
    server.made.close()
    assert only(watch).site.line == line_of(Server.work, "culprit")


@pytest.mark.filterwarnings("ignore:.*stalls that loop")
def test_a_job_that_is_waited_for_under_a_running_loop_is_named(run, watching, spoken, far_end):
    async def main():
        job = jobs.tcp_read(*far_end.address)
        threading.Thread(target=release).start()
        job.wait()  # culprit

    def release():
        assert spoken.wait(PATIENCE)
        far_end.wait_accepted(1)
        far_end.answer(b"done")

    watch = watching()
    run(main)
    assert only(watch).site.line == line_of(main, "culprit")


def test_a_call_that_holds_the_interpreter_is_named_the_moment_it_lets_go(run, watching, spoken):
    """Nobody can look while it holds it; the look comes at the very call."""
    c = ctypes.PyDLL(None)  # calls without letting the interpreter go

    async def main():
        await asyncio.sleep(0)
        while not spoken.is_set():  # where the machine interrupts a look, the next one sees it
            c.usleep(100_000)  # culprit

    watch = watching(threshold=0.05)
    run(main)
    assert only(watch).site.line == line_of(main, "culprit")


def test_a_call_that_waits_for_its_own_loop_is_named(run, watching, spoken):
    """run_coroutine_threadsafe(...).result() on the loop's own thread: nothing could know it before."""

    async def never():
        return None

    async def main():
        future = asyncio.run_coroutine_threadsafe(never(), asyncio.get_running_loop())
        threading.Thread(target=lambda: spoken.wait(PATIENCE) and future.cancel()).start()
        with pytest.raises(asyncio.CancelledError):
            wait(future)

    def wait(future):
        try:
            future.result()  # culprit
        except BaseException as error:
            raise asyncio.CancelledError from error

    watch = watching()
    run(main)
    assert only(watch).site.line == line_of(wait, "culprit")


def test_of_two_that_watch_each_has_its_own_threshold(run, watching, spoken):
    async def main():
        assert spoken.wait(PATIENCE)  # culprit

    patient = watching("none", threshold=3600.0)
    watch = watching()
    run(main)
    assert only(watch)
    assert patient.reports == []


def test_a_threshold_must_be_above_zero():
    for wrong in (0, -1, float("nan")):
        with pytest.raises(simul.InvalidError, match="threshold"):
            simul.debug(wrong)
