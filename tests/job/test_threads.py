"""Jobs and threads: made here, awaited there, waited for by thousands."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import sys
import threading

import pytest

import simul
from simul.testing import jobs


def os_threads():
    return len(os.listdir("/proc/self/task"))


def engine_thread_names():
    names = []
    for task in os.listdir("/proc/self/task"):
        try:
            names.append(pathlib.Path(f"/proc/self/task/{task}/comm").read_text().strip())
        except FileNotFoundError:
            continue
    return [name for name in names if name.startswith("simul")]


def test_a_job_made_in_one_thread_is_awaited_in_another_loop(run, far_end, in_thread):
    job = in_thread(lambda: jobs.tcp_read(*far_end.address)).join()
    far_end.wait_accepted(1)

    async def main():
        task = asyncio.create_task(job)
        await asyncio.sleep(0)
        far_end.answer(b"across")
        return await task

    assert run(main) == b"across"


def test_a_job_outlives_the_thread_that_made_it(in_thread):
    made = in_thread(lambda: [jobs.sleep(0.01, n) for n in range(10)])
    assert [job.wait() for job in made.join()] == list(range(10))


def test_two_thousand_threads_wait_for_one_job(child, far_end):
    """Thousands of parked threads wake for one outcome."""
    started = child(
        """
        from simul.testing import jobs
        threading.stack_size(65536)
        job = jobs.sleep(0.5, "for all")
        values = []
        threads = [threading.Thread(target=lambda: values.append(job.wait())) for _ in range(2000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert values == ["for all"] * 2000
        say(len(values))
        """
    )
    assert started.lines == ["2000"]


def test_threads_that_make_and_wait_switching_all_the_time_get_their_own_values(in_thread):
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:

        def work(first):
            return [jobs.sleep(0, first + n).wait() for n in range(100)]

        threads = [in_thread(work, number * 1000) for number in range(16)]
        for number, thread in enumerate(threads):
            assert thread.join() == [number * 1000 + n for n in range(100)]
    finally:
        sys.setswitchinterval(before)


def test_loops_in_threads_switching_all_the_time_get_their_own_values(new_loop, in_thread):
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:

        def turn(first):
            async def main():
                cancelled = [asyncio.create_task(jobs.sleep(60)) for _ in range(20)]
                values = await asyncio.gather(*[jobs.sleep(0, first + n) for n in range(100)])
                for task in cancelled:
                    task.cancel()
                await asyncio.gather(*cancelled, return_exceptions=True)
                return values

            with asyncio.Runner(loop_factory=new_loop) as runner:
                return [runner.run(main()) for _ in range(5)]

        threads = [in_thread(turn, number * 1000) for number in range(8)]
        for number, thread in enumerate(threads):
            assert thread.join() == [[number * 1000 + n for n in range(100)]] * 5
    finally:
        sys.setswitchinterval(before)


def test_one_job_is_used_by_threads_in_every_way_at_once(new_loop, in_thread, far_end):
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        job = jobs.tcp_read(*far_end.address)
        called = []
        job.add_done_callback(called.append)

        def awaiting():
            async def main():
                return await job

            with asyncio.Runner(loop_factory=new_loop) as runner:
                return runner.run(main())

        def expiring():
            for _ in range(20):
                with contextlib.suppress(simul.TimeoutError):
                    job.wait(0.0001)
            return job.wait()

        def looking():
            while not job.done():
                repr(job)
            return job.result()

        threads = [in_thread(way) for way in [awaiting, expiring, looking, job.wait] * 4]
        far_end.wait_accepted(1)
        far_end.answer(b"all ways")
        assert [thread.join() for thread in threads] == [b"all ways"] * 16
    finally:
        sys.setswitchinterval(before)


def test_three_hundred_jobs_on_a_loop_start_no_threads(run):
    async def main():
        await jobs.ready(1)
        before = os_threads()
        await asyncio.gather(*[jobs.sleep(0.01) for _ in range(300)])
        return before, os_threads()

    before, after = run(main)
    assert after <= before


def test_engine_threads_are_few_and_named():
    jobs.ready(1).wait()
    names = engine_thread_names()
    assert 1 <= len(names) <= 12, names


def test_a_daemon_thread_parked_in_wait_does_not_hold_up_the_end(child, far_end):
    child(
        """
        from simul.testing import jobs
        host, port = arguments[0], int(arguments[1])
        entered = threading.Event()
        def wait():
            job = jobs.tcp_read(host, port)
            entered.set()
            job.wait()
        for _ in range(20):
            threading.Thread(target=wait, daemon=True).start()
        entered.wait()
        """,
        *far_end.address,
    )
    far_end.wait_closed(far_end.accepted)


def test_a_thread_that_is_not_a_daemon_may_finish_its_wait_after_main_has_ended(child):
    finished = child(
        """
        from simul.testing import jobs
        def late():
            threading.main_thread().join()
            say(jobs.sleep(0.01, "after main").wait())
            say(asyncio.run(jobs.sleep(0.01, "and a loop")))
        threading.Thread(target=late).start()
        """
    )
    assert finished.lines == ["after main", "and a loop"]


def test_making_jobs_while_threads_start_the_engine_together(child):
    child(
        """
        from simul.testing import jobs
        barrier = threading.Barrier(16)
        values = []
        def first():
            barrier.wait()
            values.append(jobs.ready(1).wait())
        threads = [threading.Thread(target=first) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert values == [1] * 16
        """
    )


@pytest.mark.parametrize("round_", range(10))
def test_adding_callbacks_while_the_job_ends_calls_each_once(in_thread, round_):
    job = jobs.sleep(0.001)
    calls = []
    all_called = threading.Semaphore(0)

    def called(number):
        calls.append(number)
        all_called.release()

    def add(first):
        for number in range(first, first + 50):
            job.add_done_callback(lambda _, number=number: called(number))

    threads = [in_thread(add, first) for first in range(0, 400, 50)]
    for thread in threads:
        thread.join()
    for _ in range(400):
        assert all_called.acquire(timeout=60)
    assert sorted(calls) == list(range(400))
