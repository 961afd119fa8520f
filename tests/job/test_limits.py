"""Numbers at their ends, descriptors that run out, and what must not grow."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading

import pytest

import simul
from simul.testing import jobs, statistics


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e300, -0.001])
def test_a_time_that_is_none_is_refused(seconds):
    with pytest.raises(ValueError):
        jobs.sleep(seconds)


def test_a_very_long_sleep_is_a_sleep():
    job = jobs.sleep(1e9)
    with pytest.raises(simul.TimeoutError):
        job.wait(0.001)
    job.cancel()


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, object(), [1], {}])
def test_a_value_that_cannot_be_carried_is_refused(value):
    with pytest.raises((TypeError, OverflowError, ValueError)):
        jobs.ready(value)


def test_a_large_value_arrives_whole(run):
    value = bytes(range(256)) * 40_000

    async def main():
        return await jobs.sleep(0.001, value)

    assert run(main) == value


def test_the_result_is_one_object_for_everybody(in_thread):
    for _ in range(50):
        job = jobs.ready("text")
        threads = [in_thread(job.wait) for _ in range(8)]
        assert len({id(thread.join()) for thread in threads}) == 1


def test_running_out_of_descriptors_is_an_error_and_not_a_hang(child, far_end):
    child(
        """
        import resource
        import simul
        from simul.testing import jobs
        assert jobs.ready(1).wait() == 1
        loop = asyncio.new_event_loop()  # made while there are descriptors, used when there are none
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")), hard))
        hogs = []
        try:
            while True:
                hogs.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        gate, (job,) = jobs.gated(1)
        async def main():
            return await job
        try:
            loop.run_until_complete(main())
            raise SystemExit("there was a descriptor after all")
        except OSError as error:
            say(type(error).__name__)
        try:
            jobs.tcp_read(arguments[0], int(arguments[1])).wait()
        except simul.ConnectError as error:
            say("ConnectError")
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        gate.cancel()
        assert job.wait() == 0
        for hog in hogs:
            os.close(hog)
        assert loop.run_until_complete(jobs.sleep(0.001, "works again")) == "works again"
        loop.close()
        """,
        *far_end.address,
    )


def test_expired_waits_leave_nothing_behind_on_a_long_job(run):
    job = jobs.sleep(3600)

    def waits(count):
        for _ in range(count):
            with pytest.raises(simul.TimeoutError):
                job.wait(0)

    waits(100)
    gc.collect()
    before = len(gc.get_objects()), sys.getrefcount(job)
    waits(2000)
    gc.collect()
    after = len(gc.get_objects()), sys.getrefcount(job)
    assert after[0] - before[0] < 50
    assert after[1] == before[1]
    job.cancel()


def test_cancelled_awaits_leave_nothing_behind_on_a_long_job(run):
    async def main():
        job = jobs.sleep(3600)
        stayer = asyncio.create_task(job)

        async def leave(count):
            for _ in range(count // 50):
                tasks = [asyncio.create_task(job) for _ in range(50)]
                await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

        await leave(500)
        gc.collect()
        before = len(gc.get_objects()), sys.getrefcount(job)
        await leave(5000)
        gc.collect()
        after = len(gc.get_objects()), sys.getrefcount(job)
        assert after[0] - before[0] < 50
        assert after[1] - before[1] <= 0
        assert not job.done()
        stayer.cancel()
        await asyncio.gather(stayer, return_exceptions=True)
        assert job.cancelled()

    run(main)


def test_a_waiter_is_freed_without_the_collector(run):
    """Delivery makes no reference cycle: with the collector off nothing stays."""

    async def main():
        async def use():
            await asyncio.gather(*[jobs.sleep(0, str(n)) for n in range(200)])

        await use()
        gc.collect()
        gc.disable()
        try:
            before = len(gc.get_objects())
            for _ in range(20):
                await use()
            return len(gc.get_objects()) - before
        finally:
            gc.enable()

    assert run(main) < 100


def test_a_failed_job_frees_the_frames_it_failed_in(run):
    import weakref

    class Local:
        pass

    async def main():
        async def use():
            local = Local()
            gone.append(weakref.ref(local))
            await job

        job, gone = jobs.fail("Invalid", "bad"), []
        for _ in range(3):
            with pytest.raises(simul.SimulError):
                await use()
        return [reference() for reference in gone]

    gc.disable()
    try:
        assert run(main) == [None] * 3
    finally:
        gc.enable()


def test_a_hundred_thousand_callbacks_on_one_job_are_called():
    job, calls, done = jobs.sleep(3600), [], threading.Event()
    for _ in range(99_999):
        job.add_done_callback(calls.append)
    job.add_done_callback(lambda _: done.set())
    job.cancel()
    assert done.wait(100)
    assert len(calls) == 99_999


def test_no_job_is_left_alive_when_all_have_ended(run):
    async def main():
        await asyncio.gather(*jobs.storm(1000, 0.001))

    run(main)
    # The last work is dropped before anybody is told, and counted just after.
    for _ in range(1000):
        jobs.ready(None).wait()
        if statistics()["live_jobs"] <= 1:
            break
    assert statistics()["live_jobs"] <= 1
