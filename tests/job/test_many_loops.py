"""One Job on several loops, and loops that come and go."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

import simul
from simul.testing import jobs

LOOPS = 1000


def open_descriptors():
    """How many are open with the engine asleep: a thread of it that has just rung a loop's bell still holds that."""
    simul.shutdown()
    return len(os.listdir("/proc/self/fd"))


def test_one_job_is_awaited_on_two_loops_at_once(far_end, in_thread):
    uvloop = pytest.importorskip("uvloop", reason="uvloop has no build for this interpreter")
    job = jobs.tcp_read(*far_end.address)

    def on(factory):
        async def read():
            return await job

        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(read())

    threads = [in_thread(on, factory) for factory in [asyncio.new_event_loop, uvloop.new_event_loop] * 3]
    far_end.wait_accepted(1)
    far_end.answer(b"to all")
    assert [thread.join() for thread in threads] == [b"to all"] * 6
    assert far_end.accepted == 1


def awaiting_in_thread(in_thread, job):
    """Awaits `job` on a loop in another thread; returns when it waits there."""
    waits = threading.Event()

    async def stay():
        asyncio.get_running_loop().call_soon(waits.set)  # called after the first step of this task
        return await job

    thread = in_thread(lambda: asyncio.run(stay()))
    assert waits.wait(60)
    return thread


def test_cancelling_on_one_loop_leaves_the_other_loop_its_result(run, far_end, in_thread):
    job = jobs.tcp_read(*far_end.address)
    stayer = awaiting_in_thread(in_thread, job)

    async def leave():
        task = asyncio.create_task(job)
        await asyncio.sleep(0)
        await asyncio.to_thread(far_end.wait_accepted, 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert run(leave)
    assert not job.done()
    assert far_end.closed == 0
    far_end.answer(b"stayed")
    assert stayer.join() == b"stayed"


def test_a_job_made_on_one_loop_is_awaited_on_the_next(run, far_end):
    async def make():
        job = jobs.tcp_read(*far_end.address)
        await asyncio.sleep(0)
        await asyncio.to_thread(far_end.wait_accepted, 1)
        return job

    async def use(job):
        return await job

    job = run(make)
    far_end.answer(b"next loop")
    assert run(use, job) == b"next loop"


def test_a_job_made_before_any_loop_is_awaited_on_one(run):
    job = jobs.sleep(0.01, "early")

    async def use():
        return await job

    assert run(use) == "early"


def test_one_object_serves_a_thousand_successive_runs(run):
    kept = jobs.sleep(0.05, "same")

    async def use():
        assert await jobs.sleep(0, "new") == "new"
        return await kept

    run(use)
    before = open_descriptors()
    seen = {run(use) for _ in range(LOOPS)}
    assert seen == {"same"}
    assert open_descriptors() <= before


def test_loops_made_and_closed_at_reused_addresses_get_their_own_results(new_loop):
    addresses, before = set(), None
    for number in range(LOOPS):
        loop = new_loop()
        addresses.add(id(loop))
        assert loop.run_until_complete(jobs.sleep(0, number)) == number
        loop.close()
        del loop
        if number == 10:
            before = open_descriptors()
    assert len(addresses) < LOOPS, "no address was reused: the test saw nothing"
    assert open_descriptors() <= before


def test_closed_loops_with_late_results_never_reach_the_next_loop(new_loop):
    """Each loop closes while its Jobs end, and the next one sits at its address."""
    for number in range(300):
        loop = new_loop()

        async def start():
            return [asyncio.ensure_future(job) for job in jobs.storm(20, 0.001)]

        tasks = loop.run_until_complete(start())
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        late = jobs.storm(5, 0)
        assert loop.run_until_complete(jobs.sleep(0, number)) == number
        loop.close()
        del loop, tasks
        for job in late:
            job.wait()


def test_a_job_that_ends_while_its_loop_stands_still_is_delivered_when_it_turns_again(new_loop):
    loop = new_loop()
    try:
        gate, (job,) = jobs.gated(1)
        task = loop.create_task(_await(job))
        loop.run_until_complete(asyncio.sleep(0))
        gate.cancel()
        assert job.wait() == 0
        assert not task.done()
        assert loop.run_until_complete(task) == 0
    finally:
        loop.close()


async def _await(job):
    return await job


def test_a_loop_that_closes_leaves_another_loops_waiter_its_result(new_loop, far_end, in_thread):
    job = jobs.tcp_read(*far_end.address)
    other = awaiting_in_thread(in_thread, job)
    loop = new_loop()
    task = loop.create_task(_await(job))
    task._log_destroy_pending = False
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    del task, loop
    far_end.wait_accepted(1)
    assert far_end.closed == 0
    far_end.answer(b"the other loop's")
    assert other.join() == b"the other loop's"


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_run_that_ends_with_500_jobs_in_flight_closes_all_and_says_nothing(child, far_end, kind):
    child(
        """
        from simul.testing import jobs
        host, port, kind = arguments[0], int(arguments[1]), arguments[2]
        async def main():
            kept = [asyncio.create_task(jobs.tcp_read(host, port)) for _ in range(500)]
            await asyncio.sleep(0)
        run(main(), kind)
        gc.collect()
        say("ended")
        sys.stdin.readline()
        """,
        *far_end.address,
        kind,
    )
    # Whatever had been connected when the loop closed has been closed.
    far_end.wait_closed(far_end.accepted)


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_loop_that_closes_with_500_tasks_in_flight_drops_their_jobs(starting_child, far_end, kind):
    """The loop is closed with its tasks still pending, as a program does that stops its loop and goes."""
    child = starting_child(
        """
        from simul.testing import jobs
        host, port, kind = arguments[0], int(arguments[1]), arguments[2]
        loop = new_loop(kind)
        async def read():
            return await jobs.tcp_read(host, port)
        tasks = [loop.create_task(read()) for _ in range(500)]
        for task in tasks:
            task._log_destroy_pending = False
        loop.run_until_complete(asyncio.sleep(0))
        say("started")
        sys.stdin.readline()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        say("closed")
        sys.stdin.readline()
        """,
        *far_end.address,
        kind,
    )
    child.expect("started")
    far_end.wait_accepted(500)
    child.tell("close the loop")
    child.expect("closed")
    far_end.wait_closed(500)
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")
    assert far_end.accepted == 500


def test_ten_loops_in_ten_threads_each_get_their_own_results(new_loop, in_thread):
    def turn(first):
        async def main():
            return await asyncio.gather(*[jobs.sleep(0.001 * (n % 3), first + n) for n in range(200)])

        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(main())

    threads = [in_thread(turn, number * 1000) for number in range(10)]
    for number, thread in enumerate(threads):
        assert thread.join() == [number * 1000 + n for n in range(200)]


def test_a_running_loop_can_be_closed_by_its_own_last_job(new_loop):
    loop = new_loop()
    loop.run_until_complete(jobs.ready(1))
    loop.close()
    assert jobs.ready(2).wait() == 2
    with pytest.raises(RuntimeError):
        job = jobs.ready(3)
        loop.run_until_complete(job)
    assert job.wait() == 3
