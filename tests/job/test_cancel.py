"""What ends a Job's work by cancelling, seen at the far end of a socket."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import sys
import threading

import pytest

import simul
from simul.testing import jobs


async def arrived(far_end, count=1):
    """Lets the loop run while the far end waits for `count` connections."""
    await asyncio.sleep(0)  # every task that is there has taken its first step; to_thread may not turn the loop
    await asyncio.to_thread(far_end.wait_accepted, count)


async def reading(job):
    """A task of a coroutine that awaits `job`, after its first step."""

    async def read():
        return await job

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    return task


def test_cancelling_the_only_task_closes_the_socket(run, far_end):
    async def main():
        job = jobs.tcp_read(*far_end.address)
        task = await reading(job)
        await arrived(far_end)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        await asyncio.to_thread(far_end.wait_closed, 1)
        assert job.cancelled()
        with pytest.raises(simul.CancelledError):
            await job

    run(main)


def test_cancelling_a_task_made_of_the_job_itself_closes_the_socket(run, far_end):
    async def main():
        task = asyncio.create_task(jobs.tcp_read(*far_end.address))
        await arrived(far_end)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(far_end.wait_closed, 1)

    run(main)


def test_a_task_cancelled_before_its_first_step_still_drops_the_job(run, far_end):
    async def main():
        job = jobs.tcp_read(*far_end.address)
        far_end.wait_accepted(1)  # on purpose: the loop must not turn
        task = asyncio.create_task(job)
        del job
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The Job is still referred to by the task, and by nobody else: no one can ever ask for its outcome.
        await asyncio.to_thread(far_end.wait_closed, 1)
        return task

    run(main)
    assert far_end.accepted == 1


def test_cancelling_one_of_two_tasks_leaves_the_other_its_result(run, far_end):
    async def main():
        job = jobs.tcp_read(*far_end.address)
        leaver, stayer = await reading(job), await reading(job)
        await arrived(far_end)
        leaver.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaver
        assert not job.done()
        assert far_end.closed == 0
        far_end.answer(b"for the one who stayed")
        return await stayer

    assert run(main) == b"for the one who stayed"
    assert far_end.closed == 0


def test_cancelling_both_of_two_tasks_closes_the_socket(run, far_end):
    async def main():
        job = jobs.tcp_read(*far_end.address)
        tasks = [await reading(job), await reading(job)]
        await arrived(far_end)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(far_end.wait_closed, 1)
        assert job.cancelled()

    run(main)


def test_closing_a_coroutine_that_awaits_leaves_the_other_its_result(run, far_end):
    async def main():
        job = jobs.tcp_read(*far_end.address)

        async def read():
            return await job

        stayer = asyncio.create_task(read())
        await arrived(far_end)
        by_hand = read()
        by_hand.send(None)
        by_hand.close()
        assert not job.done()
        far_end.answer(b"still there")
        return await stayer

    assert run(main) == b"still there"


def test_cancelling_a_task_leaves_a_thread_that_waits_its_result(run, far_end, in_thread, one_at_a_time):
    entered = threading.Event()

    async def main():
        job = jobs.tcp_read(*far_end.address)

        def wait():
            entered.set()
            return job.wait()

        waiting = in_thread(wait)
        await asyncio.to_thread(entered.wait)
        task = await reading(job)
        await arrived(far_end)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not job.done()
        far_end.answer(b"for the thread")
        return waiting

    assert run(main).join() == b"for the thread"


def test_a_timeout_block_closes_the_socket(run, far_end):
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as limit:
                task = asyncio.current_task()

                def expire():
                    far_end.wait_accepted(1)
                    loop.call_soon_threadsafe(limit.reschedule, loop.time())

                loop = asyncio.get_running_loop()
                threading.Thread(target=expire).start()
                await jobs.tcp_read(*far_end.address)
        assert task.cancelling() == 0
        await asyncio.to_thread(far_end.wait_closed, 1)
        return await jobs.sleep(0, "the task goes on")

    assert run(main) == "the task goes on"


def test_wait_for_closes_the_socket_when_it_times_out(run, far_end):
    async def main():
        job = jobs.tcp_read(*far_end.address)
        await arrived(far_end)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job, 0.01)
        await asyncio.to_thread(far_end.wait_closed, 1)

    run(main)


def test_cancel_closes_the_socket_and_every_awaiter_gets_simuls_error(run, far_end):
    async def main():
        job = jobs.tcp_read(*far_end.address)
        tasks = [await reading(job) for _ in range(3)]
        await arrived(far_end)
        assert job.cancel() is True
        assert job.cancelled() and job.done()
        await asyncio.to_thread(far_end.wait_closed, 1)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [simul.CancelledError] * 3
        # It must never look like the task's own cancellation.
        assert not any(task.cancelled() for task in tasks)
        assert not any(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)

    run(main)


def test_the_error_of_a_cancelled_job_is_futures_error_and_not_asyncios():
    assert issubclass(simul.CancelledError, simul.SimulError)
    assert issubclass(simul.CancelledError, concurrent.futures.CancelledError)
    assert not issubclass(simul.CancelledError, asyncio.CancelledError)


def test_cancel_wakes_a_thread_that_waits(far_end, in_thread):
    job = jobs.tcp_read(*far_end.address)
    waiting = [in_thread(job.wait) for _ in range(4)]
    far_end.wait_accepted(1)
    assert job.cancel() is True
    for thread in waiting:
        with pytest.raises(simul.CancelledError):
            thread.join()
    far_end.wait_closed(1)
    for look in (job.result, job.exception, job.wait):
        with pytest.raises(simul.CancelledError):
            look()


def test_close_closes_the_socket_for_all(run, far_end):
    async def main():
        job = jobs.tcp_read(*far_end.address)
        task = await reading(job)
        await arrived(far_end)
        job.close()
        await asyncio.to_thread(far_end.wait_closed, 1)
        assert job.cancelled()
        with pytest.raises(simul.CancelledError):
            await task

    run(main)


def test_cancel_on_a_done_job_says_no_and_keeps_the_result():
    job = jobs.ready(1)
    job.wait()
    assert job.cancel() is False
    assert not job.cancelled()
    assert job.result() == 1


def test_a_second_cancel_says_no_new_thing():
    job = jobs.sleep(60)
    assert job.cancel() is True
    job.cancel()
    assert job.cancelled()


@pytest.mark.parametrize("round_", range(20))
def test_cancel_true_implies_cancelled_in_a_race_with_the_end(round_):
    due = jobs.storm(200, 0.01)
    jobs.sleep(0.01).wait()
    said = [(job.cancel(), job.cancelled()) for job in due]
    assert len(said) == 200
    assert all(cancelled == answer for answer, cancelled in said)
    for job, (answer, _) in zip(due, said, strict=True):
        if answer:
            with pytest.raises(simul.CancelledError):
                job.wait()
        else:
            job.wait()


def test_a_failing_task_group_closes_its_sockets(run, far_end):
    async def main():
        with pytest.raises(ExceptionGroup) as failed:
            async with asyncio.TaskGroup() as group:
                for _ in range(5):
                    group.create_task(jobs.tcp_read(*far_end.address))
                await arrived(far_end, 5)
                group.create_task(jobs.fail("Invalid", "the sixth"))
        assert [str(error) for error in failed.value.exceptions] == ["the sixth"]
        await asyncio.to_thread(far_end.wait_closed, 5)

    run(main)


def test_a_cancelled_gather_closes_all_its_sockets(run, far_end):
    async def main():
        async def read_all():
            await asyncio.gather(*[jobs.tcp_read(*far_end.address) for _ in range(5)])

        task = asyncio.create_task(read_all())
        await arrived(far_end, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(far_end.wait_closed, 5)

    run(main)


def test_gather_with_a_cancelled_child_gives_the_others_their_results(run, far_end):
    async def main():
        child = asyncio.create_task(jobs.tcp_read(*far_end.address))
        together = asyncio.gather(child, jobs.sleep(0.01, "other"), return_exceptions=True)
        await arrived(far_end)
        child.cancel()
        outcomes = await together
        await asyncio.to_thread(far_end.wait_closed, 1)
        return outcomes

    cancelled, other = run(main)
    assert isinstance(cancelled, asyncio.CancelledError)
    assert other == "other"


def test_a_shielded_job_survives_the_cancelling_of_its_outer_task(run, far_end):
    async def main():
        inner = asyncio.create_task(jobs.tcp_read(*far_end.address))

        async def outer():
            await asyncio.shield(inner)

        task = asyncio.create_task(outer())
        await arrived(far_end)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert far_end.closed == 0
        far_end.answer(b"shielded")
        return await inner

    assert run(main) == b"shielded"


def test_cancelling_run_coroutine_threadsafe_closes_the_socket(new_loop, far_end, in_thread):
    loop = new_loop()
    thread = in_thread(loop.run_forever)
    try:
        future = asyncio.run_coroutine_threadsafe(jobs.tcp_read(*far_end.address), loop)
        far_end.wait_accepted(1)
        future.cancel()
        far_end.wait_closed(1)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_cancelling_a_task_whose_job_just_ended_keeps_the_result_for_the_next(run, far_end):
    async def main():
        job = jobs.tcp_read(*far_end.address)
        task = await reading(job)
        far_end.wait_accepted(1)
        far_end.answer(b"kept")
        while not job.done():
            os.sched_yield()  # on purpose: the loop must not turn, so that the task has not been woken
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not job.cancelled()
        return await job

    assert run(main) == b"kept"


def test_cancelling_the_result_of_an_await_that_has_arrived_is_ignored(run, far_end):
    async def main():
        """A task that catches its own cancellation may await the same job again."""
        job = jobs.tcp_read(*far_end.address)
        stayer = await reading(job)

        async def stubborn():
            try:
                return await job
            except asyncio.CancelledError:
                asyncio.current_task().uncancel()
                return await job

        task = asyncio.create_task(stubborn())
        await arrived(far_end)
        task.cancel()
        await asyncio.sleep(0)
        far_end.answer(b"twice asked")
        return await task, await stayer

    assert run(main) == (b"twice asked", b"twice asked")


def test_cancelling_a_child_process_kills_its_whole_group(run, far_end):
    connect = (
        f"import socket; s=socket.create_connection(({far_end.host!r},{far_end.port})); s.sendall(b'up'); s.recv(1)"
    )
    script = '"$0" -c "$1" & "$0" -c "$1" & wait'

    async def main():
        task = asyncio.create_task(jobs.child(["/bin/sh", "-c", script, sys.executable, connect]))
        await arrived(far_end, 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(far_end.wait_closed, 2)

    run(main)


def test_a_child_process_gives_its_exit_code(run):
    async def main():
        return await jobs.child(["/bin/sh", "-c", "exit 7"])

    assert run(main) == 7
    assert jobs.child(["/bin/sh", "-c", "exit 0"]).wait() == 0


def test_twenty_cancels_close_twenty_sockets(run, far_end):
    async def main():
        tasks = [asyncio.create_task(jobs.tcp_read(*far_end.address)) for _ in range(20)]
        await arrived(far_end, 20)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(far_end.wait_closed, 20)

    run(main)
    assert (far_end.accepted, far_end.closed) == (20, 20)


def test_a_task_waits_behind_nothing_after_it_was_cancelled(run, far_end):
    """The cancelled task ends in the same turns of the loop as with any future."""

    async def main():
        task = await reading(jobs.tcp_read(*far_end.address))
        task.cancel()
        turns = 0
        while not task.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert run(main) <= 2
