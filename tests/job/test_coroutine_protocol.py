"""A Job is a coroutine object that has already started, and not an asyncio future."""

from __future__ import annotations

import asyncio
import collections.abc
import concurrent.futures
import inspect
import sys

import pytest

import simul
from simul.testing import jobs


def test_a_job_is_a_coroutine_and_not_a_future():
    job = jobs.ready(1)
    assert isinstance(job, simul.Job)
    assert isinstance(job, collections.abc.Coroutine)
    assert asyncio.iscoroutine(job)
    assert inspect.isawaitable(job)
    assert not asyncio.isfuture(job)
    assert job.wait() == 1


@pytest.mark.parametrize("name", ["_asyncio_future_blocking", "_loop", "get_loop"])
def test_a_job_has_nothing_that_asyncio_takes_for_a_future(name):
    job = jobs.ready(1)
    assert not hasattr(job, name)
    job.wait()


def test_a_job_has_the_names_of_a_coroutine_object():
    job = jobs.sleep(60)
    assert "sleep" in job.__name__
    assert "sleep" in job.__qualname__
    assert job.cr_running in (True, False)
    assert "sleep" in repr(job)
    job.cancel()
    assert "cancelled" in repr(job)


def test_send_to_a_job_that_is_done_ends_it_with_the_value_every_time():
    job = jobs.ready("value")
    job.wait()
    for _ in range(3):
        with pytest.raises(StopIteration) as stopped:
            job.send(None)
        assert stopped.value.value == "value"


def test_awaiting_a_done_job_needs_no_loop():
    job = jobs.ready(b"bytes")
    job.wait()
    steps = job.__await__()
    with pytest.raises(StopIteration) as stopped:
        next(steps)
    assert stopped.value.value == b"bytes"


def test_send_outside_a_loop_to_a_pending_job_says_to_call_wait():
    job = jobs.sleep(60)
    with pytest.raises(RuntimeError, match=r"wait\(\)|running event loop"):
        job.send(None)
    job.cancel()


def test_throw_raises_what_is_thrown_and_keeps_the_result():
    job = jobs.ready(5)
    job.wait()
    with pytest.raises(ZeroDivisionError):
        job.throw(ZeroDivisionError("thrown"))
    assert job.result() == 5


def test_close_on_a_done_job_keeps_the_result():
    job = jobs.ready(5)
    job.wait()
    job.close()
    assert job.result() == 5
    assert not job.cancelled()


def test_each_await_of_a_pending_job_yields_its_own_waiter(run):
    async def main():
        job = jobs.sleep(60)
        first, second = job.send(None), job.send(None)
        assert first is not second
        assert asyncio.isfuture(first)
        assert first.get_loop() is second.get_loop() is asyncio.get_running_loop()
        job.cancel()

    run(main)


def test_awaiting_gives_the_value_on_the_first_and_on_every_later_await(run):
    async def main():
        job = jobs.sleep(0.01, "value")
        return [await job for _ in range(3)]

    assert run(main) == ["value"] * 3


@pytest.mark.parametrize("value", [0, 1, -(2**62), "", "text é 🙂", b"", b"\x00\xff", None])
def test_values_arrive_as_they_were(run, value):
    async def main():
        return await jobs.ready(value), await jobs.sleep(0, value)

    assert run(main) == (value, value)
    assert jobs.ready(value).wait() == value


def test_create_task_takes_a_job(run):
    async def main():
        task = asyncio.create_task(jobs.sleep(0.01, 3), name="mine")
        assert task.get_name() == "mine"
        return await task

    assert run(main) == 3


def test_a_task_group_takes_jobs(run):
    async def main():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(jobs.sleep(0.01, n)) for n in range(20)]
        return [task.result() for task in tasks]

    assert run(main) == list(range(20))


def test_gather_takes_jobs_and_keeps_their_order(run):
    async def main():
        return await asyncio.gather(jobs.sleep(0.02, "slow"), jobs.ready("quick"), jobs.sleep(0, "soon"))

    assert run(main) == ["slow", "quick", "soon"]


def test_gather_takes_one_job_twice(run):
    async def main():
        job = jobs.sleep(0.01, 7)
        return await asyncio.gather(job, job)

    assert run(main) == [7, 7]


def test_gather_returns_exceptions_beside_values(run):
    async def main():
        return await asyncio.gather(jobs.ready(1), jobs.fail("NotFound", "no such"), return_exceptions=True)

    value, error = run(main)
    assert value == 1
    assert isinstance(error, simul.SimulError)


def test_as_completed_gives_the_quick_one_first(run, far_end):
    async def main():
        silent = jobs.tcp_read(*far_end.address)
        order = []
        for next_done in asyncio.as_completed([silent, jobs.ready("quick")]):
            order.append(await next_done)
            far_end.wait_accepted(1)
            far_end.answer(b"late")
        return order

    assert run(main) == ["quick", b"late"]


def test_wait_for_gives_the_value(run):
    async def main():
        return await asyncio.wait_for(jobs.sleep(0.01, 4), 30)

    assert run(main) == 4


def test_shield_gives_the_value(run):
    async def main():
        return await asyncio.shield(jobs.sleep(0.01, 4))

    assert run(main) == 4


def test_asyncio_wait_takes_tasks_of_jobs(run):
    async def main():
        tasks = {asyncio.create_task(jobs.sleep(0.01, n)) for n in range(5)}
        done, pending = await asyncio.wait(tasks)
        assert not pending
        return sorted(task.result() for task in done)

    assert run(main) == list(range(5))


def test_asyncio_run_takes_a_job():
    assert asyncio.run(jobs.sleep(0.01, 4)) == 4


def test_run_until_complete_takes_a_job(new_loop):
    loop = new_loop()
    try:
        assert loop.run_until_complete(jobs.sleep(0.01, 4)) == 4
        assert loop.run_until_complete(jobs.ready(5)) == 5
    finally:
        loop.close()


def test_run_coroutine_threadsafe_takes_a_job(new_loop, in_thread):
    loop = new_loop()
    thread = in_thread(loop.run_forever)
    try:
        future = asyncio.run_coroutine_threadsafe(jobs.sleep(0.01, 4), loop)
        assert isinstance(future, concurrent.futures.Future)
        assert future.result(60) == 4
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_the_eager_task_factory_takes_jobs(run):
    async def main():
        # asyncio.eager_task_factory itself, but for uvloop, which passes it an option that 3.13.0's does not take.
        def eager(loop, coroutine, *, name=None, context=None, eager_start=True):
            return asyncio.Task(coroutine, loop=loop, name=name, context=context, eager_start=True)

        asyncio.get_running_loop().set_task_factory(eager)
        done = jobs.ready(1)
        while not done.done():
            await asyncio.sleep(0)
        eager = asyncio.create_task(done)
        assert eager.done()
        gate, (job,) = jobs.gated(1)
        pending = asyncio.create_task(job)
        assert not pending.done()
        gate.cancel()
        async with asyncio.TaskGroup() as group:
            third = group.create_task(jobs.sleep(0.01, 3))
        return [eager.result(), await pending, third.result()]

    assert run(main) == [1, 0, 3]


def test_a_failed_job_makes_a_fresh_exception_for_each_awaiter(run):
    async def main():
        job = jobs.fail("NotFound", "no such thing")
        errors = []
        for _ in range(3):
            try:
                await job
            except simul.SimulError as error:
                errors.append(error)
        return errors

    errors = run(main)
    assert len({id(error) for error in errors}) == 3
    assert {str(error) for error in errors} == {"no such thing"}
    assert len({type(error) for error in errors}) == 1


def test_awaiting_a_failed_job_often_does_not_grow_one_traceback(run):
    def depth(error):
        count, frame = 0, error.__traceback__
        while frame is not None:
            count, frame = count + 1, frame.tb_next
        return count

    async def main():
        job = jobs.fail("Invalid", "bad")
        depths = []
        for _ in range(50):
            try:
                await job
            except simul.SimulError as error:
                depths.append(depth(error))
        return depths

    depths = run(main)
    assert len(depths) == 50
    assert len(set(depths)) == 1


def test_a_rust_panic_is_an_internal_error_that_names_it(run):
    async def main():
        with pytest.raises(simul.InternalError, match="boiler"):
            await jobs.panic("boiler burst")
        return await jobs.ready("the engine still works")

    assert run(main) == "the engine still works"
    with pytest.raises(simul.InternalError, match="boiler"):
        jobs.panic("boiler burst").wait()


def test_result_and_exception_before_the_end_raise_invalid_state():
    job = jobs.sleep(60)
    with pytest.raises(simul.InvalidStateError):
        job.result()
    with pytest.raises(simul.InvalidStateError):
        job.exception()
    with pytest.raises(asyncio.InvalidStateError):
        job.result()
    job.cancel()


def test_result_and_exception_after_the_end():
    good = jobs.ready(1)
    good.wait()
    assert good.done()
    assert (good.result(), good.exception(), good.cancelled()) == (1, None, False)
    bad = jobs.fail("Invalid", "bad")
    with pytest.raises(simul.SimulError):
        bad.wait()
    assert bad.done()
    assert isinstance(bad.exception(), simul.SimulError)
    with pytest.raises(simul.SimulError, match="bad"):
        bad.result()
    assert not bad.cancelled()


def test_a_job_can_be_annotated_with_its_value():
    assert simul.Job[int] is not None


def test_a_job_cannot_be_made_by_hand_or_copied_or_pickled():
    import copy
    import pickle

    with pytest.raises(TypeError):
        simul.Job()
    job = jobs.ready(1)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="Job"):
            attempt(job)
    job.wait()


def test_a_job_can_be_weakly_referenced_and_used_as_a_key():
    import weakref

    job = jobs.ready(1)
    reference = weakref.ref(job)
    assert reference() is job
    assert {job: "kept"}[job] == "kept"
    other = jobs.ready(1)
    assert job != other
    job.wait(), other.wait()
    del job
    assert reference() is None
