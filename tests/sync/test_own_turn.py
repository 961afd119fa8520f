"""A task that another task of its loop grants something runs in the next turn, as with asyncio's own primitives."""

from __future__ import annotations

import asyncio

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
