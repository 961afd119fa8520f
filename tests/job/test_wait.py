"""Waiting without await."""

from __future__ import annotations

import asyncio
import builtins
import datetime as dt
import threading
import warnings

import pytest

import simul
from simul.testing import jobs


def test_wait_gives_the_value_again_and_again():
    job = jobs.sleep(0.01, "value")
    assert [job.wait(), job.wait(), job.wait(timeout=0)] == ["value"] * 3


def test_wait_raises_a_fresh_error_each_time():
    job = jobs.fail("NotFound", "nothing there")
    errors = []
    for _ in range(2):
        with pytest.raises(simul.SimulError, match="nothing there") as raised:
            job.wait()
        errors.append(raised.value)
    assert errors[0] is not errors[1]


def test_an_expired_wait_raises_both_timeout_errors():
    job = jobs.sleep(60)
    with pytest.raises(simul.TimeoutError) as raised:
        job.wait(0.001)
    assert isinstance(raised.value, builtins.TimeoutError)
    assert isinstance(raised.value, simul.SimulError)
    assert "goes on" in str(raised.value)
    assert not job.done()
    job.cancel()


@pytest.mark.parametrize("timeout", [0, 0.0, 0.001, dt.timedelta(milliseconds=1)])
def test_a_timeout_is_seconds_or_a_timedelta(timeout):
    job = jobs.sleep(60)
    with pytest.raises(simul.TimeoutError):
        job.wait(timeout)
    job.cancel()


@pytest.mark.parametrize("timeout", ["1", object(), float("nan")])
def test_a_timeout_that_is_no_time_is_refused(timeout):
    job = jobs.ready(1)
    with pytest.raises((TypeError, ValueError)):
        job.wait(timeout)
    assert job.wait(3600) == 1


@pytest.mark.parametrize("timeout", [1e9, 1e300, float("inf"), dt.timedelta.max])
def test_a_timeout_without_end_is_no_timeout(timeout):
    assert jobs.sleep(0.01, 1).wait(timeout) == 1


def test_a_negative_timeout_has_expired():
    job = jobs.sleep(60)
    with pytest.raises((simul.TimeoutError, ValueError)):
        job.wait(-1)
    job.cancel()


def test_wait_on_a_done_job_never_times_out():
    job = jobs.ready(1)
    job.wait()
    assert job.wait(0) == 1


def test_wait_lets_other_threads_run(far_end):
    """The far end answers from a thread of this process: it can only do so if wait() lets go of the interpreter."""
    job = jobs.tcp_read(*far_end.address)
    threading.Thread(target=lambda: (far_end.wait_accepted(1), far_end.answer(b"answered"))).start()
    assert job.wait() == b"answered"


def test_several_threads_wait_for_one_job(in_thread, far_end):
    job = jobs.tcp_read(*far_end.address)
    waiting = [in_thread(job.wait) for _ in range(20)]
    far_end.wait_accepted(1)
    far_end.answer(b"to all")
    assert [thread.join() for thread in waiting] == [b"to all"] * 20


def test_one_wait_expires_and_the_other_gets_the_value(in_thread, far_end):
    job = jobs.tcp_read(*far_end.address)
    patient = in_thread(job.wait)
    far_end.wait_accepted(1)
    with pytest.raises(simul.TimeoutError):
        job.wait(0.001)
    far_end.answer(b"patience")
    assert patient.join() == b"patience"


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_wait_inside_a_running_loop_works_and_warns_once_per_call_site(child, kind):
    child(
        """
        from simul.testing import jobs
        def pending_until(warned):
            gate, (job,) = jobs.gated(1)
            def release():
                while len(seen) < warned:
                    os.sched_yield()
                gate.cancel()
            threading.Thread(target=release).start()
            return job
        async def main():
            values = []
            for _ in range(3):
                values.append(pending_until(1).wait())
            values.append(pending_until(2).wait())
            return values
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            assert run(main(), arguments[0]) == [0, 0, 0, 0]
        assert len(seen) == 2, [str(one.message) for one in seen]
        assert all("await" in str(one.message) for one in seen)
        assert {one.filename for one in seen} == {__file__}
        assert len({one.lineno for one in seen}) == 2
        """,
        kind,
    )


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_wait_inside_a_running_loop_works_for_a_job_that_a_task_of_it_awaits(child, kind):
    child(
        """
        from simul.testing import jobs
        async def main():
            job = jobs.sleep(0.01, "both")
            task = asyncio.create_task(job)
            await asyncio.sleep(0)
            return job.wait(), await task
        warnings.simplefilter("ignore")
        assert run(main(), arguments[0]) == ("both", "both")
        """,
        kind,
    )


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_cancel_asked_for_before_wait_is_not_lost(child, kind):
    """As Ctrl-C does it when it strikes just before the call."""
    child(
        """
        from simul.testing import jobs
        warnings.simplefilter("ignore")
        async def main():
            job = jobs.sleep(3600)
            asyncio.current_task().cancel()
            try:
                job.wait()
            except asyncio.CancelledError:
                assert job.cancelled()
                raise
        try:
            run(main(), arguments[0])
        except asyncio.CancelledError:
            say("cancelled")
        """,
        kind,
    )


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_wait_in_the_clean_up_of_a_cancelled_task_works(child, kind):
    child(
        """
        from simul.testing import jobs
        warnings.simplefilter("ignore")
        cleaned = []
        async def by_await():
            try:
                await jobs.sleep(3600)
            finally:
                cleaned.append(jobs.sleep(0.001, "after await").wait())
        async def by_wait():
            asyncio.current_task().cancel()
            try:
                jobs.sleep(3600).wait()
            finally:
                cleaned.append(jobs.sleep(0.001, "after wait").wait())
        async def main():
            task = asyncio.create_task(by_await())
            await asyncio.sleep(0)
            task.cancel()
            other = asyncio.create_task(by_wait())
            outcomes = await asyncio.gather(task, other, return_exceptions=True)
            assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes
        run(main(), arguments[0])
        assert cleaned == ["after await", "after wait"], cleaned
        """,
        kind,
    )


def test_wait_in_a_thread_beside_a_running_loop_does_not_warn(run):
    async def main():
        return await asyncio.to_thread(jobs.sleep(0.001, 1).wait)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(main) == 1


def test_wait_on_a_done_job_inside_a_loop_stalls_nothing_and_does_not_warn(run):
    async def main():
        job = jobs.ready(1)
        await job
        return job.wait()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(main) == 1


def test_a_warning_that_is_an_error_is_raised_at_the_call_and_the_job_goes_on(far_end):
    async def main():
        job = jobs.tcp_read(*far_end.address)
        with pytest.raises(Warning, match="await"):
            job.wait()
        assert not job.done()
        job.cancel()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main())


def test_wait_in_a_callback_of_a_job_works():
    done = threading.Event()
    values = []

    def callback(job):
        values.append(jobs.sleep(0.001, "nested").wait())
        done.set()

    job = jobs.sleep(0.001)
    job.add_done_callback(callback)
    assert done.wait(60)
    assert values == ["nested"]


def test_the_heaviest_storm_is_waited_for_one_by_one():
    made = jobs.storm(2000, 0.01)
    assert len(made) == 2000
    for job in made:
        job.wait()
