"""A nested call that waits for what only the outer loop could bring: the report names both, and what is waited for."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import pytest

import simul
from simul.bridge.parent import waiting_for
from tests.bridge.waiting import until

from .conftest import line_of

PATIENCE = 60


def nested(watch):
    found = [report for report in watch.reports if report.kind == "nested"]
    assert len(found) == 1, [str(report) for report in watch.reports]
    return found[0]


def rescue(spoken, function):
    """Ends the wait from another thread once the watchdog has spoken."""

    def body():
        assert spoken.wait(PATIENCE)
        function()

    threading.Thread(target=body).start()


def test_an_event_that_nobody_sets_is_named_with_the_nested_call(run, watching, spoken):
    @simul.async_handler
    async def inner(event):
        loop = asyncio.get_running_loop()
        rescue(spoken, lambda: loop.call_soon_threadsafe(event.set))
        await event.wait()  # waits

    async def outer():
        inner(asyncio.Event())  # calls

    watch = watching("nested")
    run(outer)
    report = nested(watch)
    assert (report.site.file, report.site.line) == (__file__, line_of(outer, "calls"))
    assert "outer" in report.task
    waiting = [line for line in report.waits_for if f"{__file__}:{_marked('waits')}" in line]
    assert len(waiting) == 1, report.waits_for
    assert "Event.wait" in waiting[0]
    assert report.ended


def _marked(mark):
    with Path(__file__).open(encoding="utf-8") as source:
        return next(number for number, line in enumerate(source, 1) if line.rstrip().endswith(f"# {mark}"))


def test_a_queue_that_nobody_fills_is_named(run, watching, spoken):
    async def inner(queue):
        loop = asyncio.get_running_loop()
        rescue(spoken, lambda: loop.call_soon_threadsafe(queue.put_nowait, 7))
        return await queue.get()  # takes

    async def outer():
        return simul.smartasync(inner).sync(asyncio.Queue())

    watch = watching("nested")
    assert run(outer) == 7
    report = nested(watch)
    assert "Queue.get" in report.waits_for[0]
    assert f":{_marked('takes')}" in report.waits_for[0]


def test_work_handed_to_the_outer_loop_is_named(run, watching, spoken):
    """run_coroutine_threadsafe from a nested call to the loop that it holds up."""

    async def never():
        return None

    async def inner(outer_loop):
        future = asyncio.run_coroutine_threadsafe(never(), outer_loop)
        rescue(spoken, future.cancel)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wrap_future(future)  # hands over

    async def outer():
        simul.run(inner(asyncio.get_running_loop()))
        await asyncio.sleep(0)

    watch = watching("nested")
    run(outer)
    assert f":{_marked('hands over')}" in nested(watch).waits_for[0]


def test_a_worker_that_waits_for_the_loop_that_stands_still_is_named(run, watching, spoken):
    entered = threading.Event()

    def work():
        entered.set()
        simul.from_thread.run(asyncio.sleep, 0)  # asks the loop

    async def inner(event):
        loop = asyncio.get_running_loop()
        rescue(spoken, lambda: loop.call_soon_threadsafe(event.set))
        await event.wait()

    async def outer():
        task = asyncio.create_task(simul.to_thread(work))
        await asyncio.sleep(0)
        assert entered.wait(PATIENCE)
        until(lambda: waiting_for(asyncio.get_running_loop()))
        simul.run(inner(asyncio.Event()))
        await task

    # The bridge is loaded before the loop runs: that takes long, and would be reported.
    assert run(simul.to_thread, int, "7") == 7
    watch = watching("nested")
    run(outer)
    report = nested(watch)
    waiting = [line for line in report.waits_for if "to_thread" in line]
    assert len(waiting) == 1, str(report)
    assert f"{__file__}:{_marked('asks the loop')}" in waiting[0]
    assert waiting[0] in str(report)


def test_a_step_of_the_inner_loop_that_blocks_is_named_itself(run, watching, spoken):
    """Both loops stand still; the inner one's report names the line."""

    async def inner():
        await asyncio.sleep(0)
        assert spoken.wait(PATIENCE)  # blocks

    async def outer():
        simul.run(inner())

    watch = watching("blocked")
    run(outer)
    blocked = [report for report in watch.reports if report.kind == "blocked"]
    assert _marked("blocks") in [report.site.line for report in blocked]


def test_a_first_step_that_blocks_in_a_nested_call_is_named(run, watching, spoken):
    """Its loop does not turn yet; the outer one is held up by this very line."""

    async def inner():
        assert spoken.wait(PATIENCE)  # blocks at once

    async def outer():
        simul.run(inner())

    watch = watching()
    run(outer)
    assert _marked("blocks at once") in [report.site.line for report in watch.reports if report.kind == "blocked"]


def test_a_nested_call_that_is_quick_is_not_reported(run, watching):
    async def inner():
        await asyncio.sleep(0)

    async def outer():
        for _ in range(100):
            simul.run(inner())
            await asyncio.sleep(0)

    watch = watching(threshold=30.0)
    run(outer)
    assert watch.reports == []


def test_a_task_left_in_a_threads_own_loop_is_reported_when_the_thread_ends(watching, in_thread):
    async def lasting():
        await asyncio.Event().wait()

    async def leaves():
        while not sys.get_coroutine_origin_tracking_depth():
            await asyncio.sleep(0)  # until this thread's first beat
        kept.append(asyncio.get_running_loop().create_task(lasting()))  # leaves
        await asyncio.sleep(0)

    kept = []
    watch = watching()
    in_thread(lambda: simul.run(leaves())).join()
    left = [report for report in watch.reports if report.kind == "pending-task"]
    assert len(left) == 1, [str(report) for report in watch.reports]
    assert left[0].site.line == _marked("leaves")
    assert "Event.wait" in str(left[0]) or "Future" in str(left[0])


def test_a_task_left_in_the_main_threads_loop_is_reported_at_exit(starting_child):
    finished = starting_child(
        """
        import simul
        simul.debug()
        async def lasting():
            await asyncio.Event().wait()
        async def leaves():
            global task
            task = asyncio.get_running_loop().create_task(lasting())  # leaves
            await asyncio.sleep(0)
        simul.run(leaves())
        lines = open(__file__).read().splitlines()
        say(*[number for number, line in enumerate(lines, 1) if line.endswith("# leaves")])
        """
    ).finish()
    assert finished.code == 0
    assert finished.err.count("is still pending") == 1, finished.err
    assert f":{finished.lines[0]} in leaves" in finished.err


def test_a_worker_that_still_runs_at_exit_is_named(starting_child):
    finished = starting_child(
        """
        import simul
        simul.debug(threshold=3600)
        def blocks():
            entered.set()
            leave.wait(5)  # worker
        entered, leave = threading.Event(), threading.Event()
        async def main():
            task = asyncio.create_task(simul.to_thread(blocks, abandon_on_cancel=True))
            while not entered.is_set():
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.wait([task])
        asyncio.run(main())
        """
    ).finish()
    assert finished.code == 0, finished.err
    assert "still ran a function" in finished.err
    assert "in blocks" in finished.err
