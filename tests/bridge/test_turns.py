"""A loop is turned for what has to wait, and not for what has not."""

from __future__ import annotations

import asyncio
import time

import pytest

import simul


class Counting(asyncio.SelectorEventLoop):
    turns = 0

    def _run_once(self):
        type(self).turns += 1
        super()._run_once()


@pytest.fixture
def counting(monkeypatch):
    monkeypatch.setattr(asyncio, "new_event_loop", Counting)
    monkeypatch.setattr(Counting, "turns", 0)
    simul.reset_smartasync_cache()
    yield Counting
    monkeypatch.undo()
    simul.reset_smartasync_cache()


def test_calls_that_never_wait_leave_the_loop_alone_also_after_one_that_did(counting, in_thread):
    @simul.smartasync
    async def trivial():
        return 1

    @simul.smartasync
    async def waiting():
        await asyncio.sleep(0)

    def calls():
        waiting()
        trivial()
        before, began = counting.turns, time.monotonic()
        for _ in range(1000):
            trivial()
        return counting.turns - before, time.monotonic() - began

    # What was left behind gets a turn now and then, once in a millisecond: never one for each call. The time that a
    # machine is busy with something else counts as time here, and allows for so many turns more.
    turns, seconds = in_thread(calls).join()
    assert turns <= seconds * 1000 + 1


def test_a_task_that_was_left_behind_goes_on_in_later_calls(counting, in_thread):
    async def steps(seen):
        for number in range(5):
            seen.append(number)
            await asyncio.sleep(0)

    def calls():
        seen, kept = [], []

        @simul.smartasync
        async def leave():
            kept.append(asyncio.create_task(steps(seen)))

        @simul.smartasync
        async def trivial():
            return 1

        leave()
        for _ in range(20):
            trivial()
        return seen

    assert in_thread(calls).join() == [0, 1, 2, 3, 4]


def test_a_call_that_waits_once_turns_its_loop_once(counting, in_thread):
    @simul.smartasync
    async def waiting():
        await asyncio.sleep(0)
        return counting.turns

    def calls():
        waiting()
        before = counting.turns
        assert waiting() == before + 1
        return counting.turns - before

    assert in_thread(calls).join() == 1


def test_what_the_last_step_of_a_call_that_waited_has_scheduled_runs_before_the_call_returns(loop_kind, in_thread):
    async def other(seen):
        seen.append("task")

    async def waiting(seen):
        await asyncio.sleep(0)
        asyncio.current_task().add_done_callback(lambda _: seen.append("done"))
        asyncio.get_running_loop().call_soon(seen.append, "soon")
        asyncio.get_running_loop().create_task(other(seen))

    async def helped(seen):
        # A helper in the caller's own context, as the steps of async generators run in one.
        task = asyncio.get_running_loop().create_task(other(seen), context=simul._simul.own_context())
        await asyncio.sleep(0)
        assert task.done()
        asyncio.get_running_loop().create_task(other(seen), context=simul._simul.own_context())

    def calls():
        seen = []
        simul.run(waiting(seen))
        assert seen == ["soon", "task", "done"], seen
        seen.clear()
        simul.run(helped(seen))
        assert seen == ["task", "task"], seen
        return loop_kind

    assert in_thread(calls).join() == loop_kind


def test_a_coroutine_that_stops_its_own_loop_goes_on(loop_kind, in_thread):
    async def stopping():
        for _ in range(3):
            asyncio.get_running_loop().stop()
            await asyncio.sleep(0)
        return loop_kind

    assert in_thread(lambda: simul.run(stopping())).join() == loop_kind
