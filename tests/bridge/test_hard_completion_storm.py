"""Very many waiters served at once: few wake-ups, each on its own loop, in order, and the loops still turn."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

import simul
from simul.testing import statistics

from .waiting import until, until_in_loop

WAITERS = 10_000


@pytest.fixture
def on_both_loops(in_thread):
    """Runs a coroutine function on an asyncio loop and on a uvloop at once, each in a thread of its own."""
    uvloop = pytest.importorskip("uvloop", reason="uvloop has no build for this interpreter")

    def start(main):
        def on(factory):
            with asyncio.Runner(loop_factory=factory) as runner:
                return runner.run(main())

        return [in_thread(on, factory) for factory in (asyncio.new_event_loop, uvloop.new_event_loop)]

    return start


def test_one_event_wakes_twenty_thousand_waiters_on_two_loops(on_both_loops):
    event = simul.Event()

    async def main():
        loop, order, turns = asyncio.get_running_loop(), [], 0

        async def one(number):
            await event.wait()
            assert asyncio.get_running_loop() is loop
            order.append(number)

        def heartbeat():
            nonlocal turns
            turns += 1
            if len(order) < WAITERS:
                loop.call_soon(heartbeat)

        tasks = [asyncio.create_task(one(number)) for number in range(WAITERS)]
        await asyncio.sleep(0)
        heartbeat()
        before = turns
        await asyncio.gather(*tasks)
        return order, turns - before

    before, threads_before = statistics(), len(os.listdir("/proc/self/task"))
    threads = on_both_loops(main)
    until(lambda: event.statistics()["waiting"] == 2 * WAITERS)
    event.set()
    for thread in threads:
        order, turns = thread.join()
        assert order == list(range(WAITERS))
        assert turns > WAITERS // 512, "the loop turned while it was served"
    after = statistics()
    assert after["wake_ups"] - before["wake_ups"] <= 2 * WAITERS // 20
    assert len(os.listdir("/proc/self/task")) <= threads_before + 4


def test_twenty_thousand_items_reach_two_loops_and_a_thread_once_each(on_both_loops, in_thread):
    queue, items = simul.Queue(), 2 * WAITERS

    def take_all(get):
        taken = []
        while (item := get()) is not None:
            taken.append(item)
        return taken

    async def main():
        taken = []
        while (item := await queue.get()) is not None:
            taken.append(item)
        return taken

    threads = [*on_both_loops(main), in_thread(take_all, lambda: queue.get().wait())]
    for number in range(items):
        queue.put_nowait(number)
    for _ in threads:
        queue.put_nowait(None)
    taken = [thread.join() for thread in threads]
    assert sorted(item for one in taken for item in one) == list(range(items))
    assert all(one == sorted(one) for one in taken)


def test_two_thousand_calls_from_workers_return_each_to_its_own_task(run):
    async def double(number):
        await asyncio.sleep(0)
        return number * 2, threading.current_thread()

    def worker(number):
        return simul.from_thread.run(double, number)

    async def main():
        here = threading.current_thread()
        values = await asyncio.gather(*[simul.to_thread(worker, number) for number in range(2000)])
        assert {thread for _, thread in values} == {here}
        return [value for value, _ in values]

    assert run(main) == [number * 2 for number in range(2000)]


def test_a_lock_goes_round_ten_thousand_tasks_on_two_loops_in_their_order(on_both_loops):
    lock, held = simul.Lock(), []
    lock.acquire_nowait()
    queued = simul.Event()

    async def main():
        mine, got = asyncio.get_running_loop(), []

        async def one(number):
            async with lock:
                held.append(mine)
                assert held == [mine]
                got.append(number)
                held.pop()

        tasks = [asyncio.create_task(one(number)) for number in range(WAITERS // 2)]
        await until_in_loop(queued.is_set)
        await asyncio.gather(*tasks)
        return got

    threads = on_both_loops(main)
    until(lambda: lock.statistics()["waiting"] == WAITERS)
    queued.set()
    lock.release()
    assert [thread.join() for thread in threads] == [list(range(WAITERS // 2))] * 2
    assert not lock.locked()
