"""The last reference to a pending Job ends its work; detach() lets it go on."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
import weakref

import pytest

import simul
from simul.testing import jobs


def test_dropping_the_last_reference_closes_the_socket(far_end):
    job = jobs.tcp_read(*far_end.address)
    far_end.wait_accepted(1)
    with pytest.warns(ResourceWarning):
        del job
    far_end.wait_closed(1)


def test_the_warning_names_the_line_that_made_the_job(far_end):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        line = _line() + 1
        job = jobs.tcp_read(*far_end.address)
        del job
    assert len(seen) == 1
    assert seen[0].category is ResourceWarning
    text = str(seen[0].message)
    assert "await" in text and "wait()" in text
    assert f"{__file__}:{line}" in text or (seen[0].filename, seen[0].lineno) == (__file__, line)


def _line():
    import sys

    return sys._getframe(1).f_lineno


def test_one_line_that_forgets_often_is_named_each_time_the_filter_asks_for_it():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(3):
            jobs.sleep(60)
    assert len(seen) == 3


def awaited(job):
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await job

    asyncio.run(main())


def waited(job):
    with pytest.raises(simul.TimeoutError):
        job.wait(0)


@pytest.mark.parametrize("use", [awaited, waited, simul.Job.cancel, simul.Job.close, simul.Job.detach])
def test_dropping_a_job_that_was_used_does_not_warn(use):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        job = jobs.sleep(1)
        use(job)
        gone = weakref.ref(job)
        del job
        gc.collect()
    assert gone() is None


def test_dropping_a_done_job_does_not_warn():
    callback = threading.Event()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        job = jobs.ready(1)
        job.add_done_callback(lambda _: callback.set())
        assert callback.wait(60)
        del job
        gc.collect()


def test_an_expired_wait_leaves_the_work_running_and_the_drop_ends_it(far_end):
    job = jobs.tcp_read(*far_end.address)
    far_end.wait_accepted(1)
    with pytest.raises(simul.TimeoutError):
        job.wait(0.01)
    assert not job.done()
    assert far_end.closed == 0
    del job
    far_end.wait_closed(1)


def test_an_expired_wait_leaves_the_work_running_and_it_can_be_waited_for_again(far_end):
    job = jobs.tcp_read(*far_end.address)
    far_end.wait_accepted(1)
    with pytest.raises(TimeoutError):
        job.wait(timeout=0.01)
    far_end.answer(b"late")
    assert job.wait() == b"late"


def test_detach_gives_the_job_back_and_lets_the_work_go_on(far_end):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reading = jobs.tcp_read(*far_end.address)
        assert reading.detach() is reading
        far_end.wait_accepted(1)
        del reading
        gc.collect()
        # A connection made after the drop has been accepted, and the detached one is still open.
        jobs.ready(1).wait()
        other = jobs.tcp_read(*far_end.address)
        far_end.wait_accepted(2)
        other.cancel()
        far_end.wait_closed(1)
    assert far_end.closed == 1
    assert far_end.answer(b"to nobody") == 1


def test_a_detached_job_can_still_be_awaited(run):
    async def main():
        return await jobs.sleep(0.01, "value").detach()

    assert run(main) == "value"


def test_a_job_in_a_reference_cycle_ends_when_the_cycle_is_collected(far_end):
    class Holder:
        pass

    holder = Holder()
    holder.itself = holder
    holder.job = jobs.tcp_read(*far_end.address)
    far_end.wait_accepted(1)
    del holder
    with pytest.warns(ResourceWarning):
        gc.collect()
    far_end.wait_closed(1)


def test_a_callback_holds_its_job_so_that_it_is_called(far_end):
    called, done = [], threading.Event()
    job = jobs.tcp_read(*far_end.address)
    job.add_done_callback(lambda job: (called.append(job.result()), done.set()))
    far_end.wait_accepted(1)
    del job
    gc.collect()
    assert far_end.closed == 0
    far_end.answer(b"for the callback")
    assert done.wait(60)
    assert called == [b"for the callback"]


def test_a_job_dropped_in_another_thread_closes_its_socket(far_end, in_thread):
    box = [jobs.tcp_read(*far_end.address)]
    far_end.wait_accepted(1)
    with pytest.raises(simul.TimeoutError):
        box[0].wait(0)
    in_thread(box.clear).join()
    far_end.wait_closed(1)


def test_a_reference_held_by_a_waiting_thread_keeps_the_work(far_end, in_thread):
    box = [jobs.tcp_read(*far_end.address)]
    waiting = in_thread(box[0].wait)
    far_end.wait_accepted(1)
    box.clear()
    gc.collect()
    assert far_end.closed == 0
    far_end.answer(b"kept")
    assert waiting.join() == b"kept"


def test_a_task_that_awaits_the_only_reference_keeps_the_work(run, far_end):
    async def main():
        async def read():
            return await jobs.tcp_read(*far_end.address)

        task = asyncio.create_task(read())
        await asyncio.sleep(0)
        await asyncio.to_thread(far_end.wait_accepted, 1)
        gc.collect()
        far_end.answer(b"kept")
        return await task

    assert run(main) == b"kept"


def test_dropping_many_jobs_from_many_threads_ends_all(far_end, in_thread):
    def make_and_drop():
        made = [jobs.tcp_read(*far_end.address) for _ in range(25)]
        with pytest.raises(simul.TimeoutError):
            made[0].wait(0)
        return made

    kept = [in_thread(make_and_drop) for _ in range(8)]
    lists = [thread.join() for thread in kept]
    for thread in kept:
        thread.outcome = None
    far_end.wait_accepted(200)
    for made in lists:
        for job in made:
            job.cancel()
    del lists, made, job
    far_end.wait_closed(200)


def test_a_job_made_in_a_destructor_works(run):
    kept = []

    class Parting:
        def __del__(self):
            kept.append(jobs.sleep(0, "from a destructor"))

    async def main():
        Parting()
        gc.collect()
        return await kept[0]

    assert run(main) == "from a destructor"


def test_many_finished_jobs_leave_nothing_behind(child):
    """Object and memory counts after 100,000 Jobs are what they were after the first thousands."""
    child(
        """
        import resource, simul
        from simul.testing import jobs
        def resident_kib():
            with open("/proc/self/statm") as statm:
                return int(statm.read().split()[1]) * resource.getpagesize() // 1024
        async def many(count):
            for _ in range(count // 100):
                await asyncio.gather(*[jobs.sleep(0, b"x" * 1000) for _ in range(100)])
        def blocking(count):
            for _ in range(count):
                jobs.ready(b"x" * 1000).wait()
        run(many(10_000))
        blocking(1_000)
        gc.collect()
        objects, kib = len(gc.get_objects()), resident_kib()
        for _ in range(9):
            run(many(10_000))
            blocking(1_000)
        gc.collect()
        assert len(gc.get_objects()) - objects < 200, len(gc.get_objects()) - objects
        assert resident_kib() - kib < 8192, (kib, resident_kib())
        assert simul.testing.statistics()["live_jobs"] == 0, simul.testing.statistics()
        """
    )
