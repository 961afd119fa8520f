"""A task that another task of its loop grants something runs in the next turn, as with asyncio's own primitives."""

from __future__ import annotations

import asyncio
import sys

import pytest

import simul
from simul.testing import jobs


def test_a_task_that_is_handed_a_lock_runs_in_the_next_turn(run):
    async def main():
        lock = simul.Lock()
        await lock.acquire()
        waiting = asyncio.create_task(lock.acquire())
        await asyncio.sleep(0)
        lock.release()
        await asyncio.sleep(0)
        assert waiting.done()

    run(main)


def test_a_job_that_ended_meanwhile_is_delivered_too(run):
    async def main():
        lock = simul.Lock()
        await lock.acquire()
        waiting = asyncio.create_task(lock.acquire())
        job = jobs.sleep(0, "woke")
        slept = asyncio.create_task(job)
        await asyncio.sleep(0)
        # Its notice lies in the inbox before the grant's does: no turn of the loop has come in between.
        while not job.done():
            pass
        lock.release()
        return await waiting, await slept

    assert run(main) == (True, "woke")


def test_a_lock_goes_round_between_tasks_of_two_loops(run, in_thread):
    lock = simul.Lock()
    turns = []

    async def player(name):
        for _ in range(50):
            async with lock:
                turns.append(name)
                await asyncio.sleep(0)

    async def two(name):
        await asyncio.gather(player(name), player(name))

    threads = [in_thread(run, two, name) for name in "ab"]
    for thread in threads:
        thread.join()
    assert sorted(turns) == ["a"] * 100 + ["b"] * 100
    assert not lock.locked()


class InterruptedLoop(asyncio.SelectorEventLoop):
    """One on which Ctrl-C comes while it is told to wake a task."""

    armed = False

    def call_soon(self, *args, **kwargs):
        handle = super().call_soon(*args, **kwargs)
        if self.armed:
            self.armed = False
            raise KeyboardInterrupt
        return handle


@pytest.mark.parametrize("woken_by", ["put_nowait", "get_nowait", "task_done", "shutdown"])
def test_ctrl_c_while_a_queue_wakes_a_task_is_raised_and_nothing_is_lost(woken_by, monkeypatch):
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)

    async def main():
        loop = asyncio.get_running_loop()
        queue = simul.Queue(1)
        if woken_by != "put_nowait":
            queue.put_nowait("first")
        waiting = {"put_nowait": queue.get, "get_nowait": lambda: queue.put("second"), "task_done": queue.join}
        task = asyncio.ensure_future(waiting.get(woken_by, queue.join)())
        await asyncio.sleep(0)
        call = {"put_nowait": lambda: queue.put_nowait("first"), "shutdown": lambda: queue.shutdown(immediate=True)}
        interrupted = False
        loop.armed = True
        try:
            call.get(woken_by, getattr(queue, woken_by))()
            for _ in range(100):
                pass
        except KeyboardInterrupt:
            interrupted = True
        assert interrupted
        assert await task == ("first" if woken_by == "put_nowait" else None)
        assert queue.qsize() == {"get_nowait": 1, "task_done": 1}.get(woken_by, 0)

    with asyncio.Runner(loop_factory=InterruptedLoop) as runner:
        runner.run(main())
    assert unraisable == []
