"""Very many Jobs due at once: few wake-ups, kept order, few threads, a loop that still turns."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading

import pytest

import simul
from simul.testing import jobs, statistics

STORM = 20_000
# A drain hands over at most this many outcomes before the loop turns (DESIGN: 256 or 1 ms).
DRAIN_CAP = 256


def test_twenty_thousand_jobs_due_together_on_two_loops(in_thread):
    uvloop = pytest.importorskip("uvloop", reason="uvloop has no build for this interpreter")
    all_wait = threading.Barrier(2)

    def turn(factory):
        async def main():
            loop, seen, most_between_turns = asyncio.get_running_loop(), [], 0
            arrived_since_turn, running = itertools.count(), True
            last = 0

            def heartbeat():
                nonlocal most_between_turns, last
                now = next(arrived_since_turn)
                most_between_turns = max(most_between_turns, now - last - 1)
                last = now
                if running:
                    loop.call_soon(heartbeat)

            async def one(job, number):
                value = await job
                assert asyncio.get_running_loop() is loop
                next(arrived_since_turn)
                seen.append(number)
                return value

            gate, made = jobs.gated(STORM // 2)
            tasks = [asyncio.create_task(one(job, n)) for n, job in enumerate(made)]
            await asyncio.sleep(0)
            await asyncio.to_thread(all_wait.wait)
            heartbeat()
            gate.cancel()
            await asyncio.gather(*tasks)
            running = False
            assert sorted(seen) == list(range(STORM // 2)), "each result arrives once"
            return most_between_turns

        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main())

    jobs.ready(None).wait()
    before, threads_before = statistics(), len(os.listdir("/proc/self/task"))
    threads = [in_thread(turn, factory) for factory in (asyncio.new_event_loop, uvloop.new_event_loop)]
    most = [thread.join() for thread in threads]
    after, threads_after = statistics(), len(os.listdir("/proc/self/task"))
    assert after["drains"] - before["drains"] >= STORM // 2 // DRAIN_CAP, "the results went through the inboxes"
    assert 1 <= after["wake_ups"] - before["wake_ups"] <= STORM // 20
    # The two loops' executors each keep a thread or more; the engine adds none.
    assert threads_after <= threads_before + 4
    # Two drains can meet in one turn (the reader's and the re-armed one's), never more.
    assert max(most) <= 2 * DRAIN_CAP, most


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_storm_arrives_in_the_order_in_which_its_jobs_ended(child, kind):
    """One worker numbers the Jobs as they end; the tasks must wake in that order, across every drain."""
    child(
        """
        import simul
        simul.setup_async(workers=1)
        from simul.testing import jobs
        arrived = []
        async def one(job):
            arrived.append(await job)
        async def main():
            gate, made = jobs.gated(10_000)
            tasks = [asyncio.create_task(one(job)) for job in made]
            await asyncio.sleep(0)  # every task has begun to wait
            gate.cancel()
            await asyncio.gather(*tasks)
        run(main(), arguments[0])
        assert arrived == list(range(10_000)), [pair for pair in zip(arrived, range(10_000)) if pair[0] != pair[1]][:5]
        """,
        kind,
    )


def test_tasks_that_await_one_job_wake_in_the_order_they_came(run):
    async def main():
        job, order = jobs.sleep(3600), []

        async def one(number):
            try:
                await job
            except simul.CancelledError:
                order.append(number)

        tasks = [asyncio.create_task(one(number)) for number in range(1000)]
        await asyncio.sleep(0)  # every task has begun to wait
        job.cancel()
        await asyncio.gather(*tasks)
        return order

    assert run(main) == list(range(1000))


def test_a_burst_makes_one_wake_up(run):
    """While the loop stands still any number of outcomes makes one write to its eventfd."""

    async def main():
        made = [jobs.sleep(3600) for _ in range(1000)]
        tasks = [asyncio.create_task(job) for job in made]
        await asyncio.sleep(0)
        before = statistics()["wake_ups"]
        stall = threading.Event()

        def cancel_all():
            for job in made:
                job.cancel()
            # The one worker comes to this after it has dropped the others and told of it.
            jobs.ready().wait()
            stall.set()

        thread = threading.Thread(target=cancel_all)
        thread.start()
        stall.wait()  # on purpose: the loop must not turn meanwhile
        thread.join()
        assert not any(task.done() for task in tasks)
        await asyncio.gather(*tasks, return_exceptions=True)
        return statistics()["wake_ups"] - before

    assert run(main) == 1


def test_a_storm_while_the_interpreter_switches_all_the_time(child):
    child(
        """
        sys.setswitchinterval(1e-6)
        from simul.testing import jobs
        def turn(kind):
            async def main():
                made = jobs.storm(2000, 0.001)
                dropped = [asyncio.ensure_future(job) for job in made[::3]]
                kept = [asyncio.ensure_future(job) for job in made[1::3]]
                del made
                for task in dropped:
                    task.cancel()
                await asyncio.gather(*kept)
                await asyncio.gather(*dropped, return_exceptions=True)
            for _ in range(3):
                run(main(), kind)
        threads = [threading.Thread(target=turn, args=(kind,)) for kind in ("asyncio", "uvloop") * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gc.collect()
        """,
        options=("-W", "ignore::ResourceWarning"),
    )


def test_the_garbage_collector_may_run_at_every_step_of_a_drain(child):
    child(
        """
        from simul.testing import jobs
        gc.set_threshold(1)
        async def main():
            for _ in range(5):
                values = await asyncio.gather(*[jobs.sleep(0.0001, str(n)) for n in range(300)])
                assert values == [str(n) for n in range(300)]
        for kind in ("asyncio", "uvloop"):
            run(main(), kind)
        """
    )
