"""Barrier: threads and tasks wait for each other."""

from __future__ import annotations

import asyncio

import pytest

import simul
from tests.bridge.waiting import until


def test_threads_and_tasks_meet_and_each_gets_a_number(run, in_thread):
    barrier = simul.Barrier(3)

    def in_loop():
        async def main():
            async with barrier as number:
                return number

        return run(main)

    for _ in range(2):  # it is as new after each meeting
        threads = [in_thread(in_loop), in_thread(lambda: barrier.wait().wait())]
        until(lambda: barrier.n_waiting == 2)
        with barrier as last:
            assert last == 2
        assert sorted(thread.join() for thread in threads) == [0, 1]
        assert barrier.n_waiting == 0


def test_one_who_gives_up_is_waited_for_again(run):
    async def main():
        barrier = simul.Barrier(2)
        task = asyncio.create_task(barrier.wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert barrier.n_waiting == 0
        assert sorted(await asyncio.gather(barrier.wait(), barrier.wait())) == [0, 1]

    run(main)
    with pytest.raises(simul.TimeoutError):
        simul.Barrier(2).wait().wait(0)


@pytest.mark.parametrize("how", ["abort", "reset"])
def test_who_waits_is_sent_away(run, in_thread, how):
    barrier = simul.Barrier(3)

    async def main():
        task = asyncio.create_task(barrier.wait())
        thread = in_thread(lambda: barrier.wait().wait())
        await asyncio.sleep(0)
        until(lambda: barrier.n_waiting == 2)
        await getattr(barrier, how)()
        with pytest.raises(asyncio.BrokenBarrierError):
            await task
        with pytest.raises(asyncio.BrokenBarrierError):
            thread.join()

    run(main)
    assert barrier.broken is (how == "abort")
    if barrier.broken:
        with pytest.raises(asyncio.BrokenBarrierError, match="reset"):
            barrier.wait().wait()
        barrier.reset().wait()
        assert not barrier.broken


def test_it_takes_one_at_least():
    with pytest.raises(ValueError, match=">= 1"):
        simul.Barrier(0)
    assert simul.Barrier(1).wait().wait() == 0
