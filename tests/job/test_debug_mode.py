"""asyncio's debug mode and its reprs know nothing of Jobs and must not stumble over them."""

from __future__ import annotations

import asyncio
import io

import pytest

from simul.testing import jobs


def test_the_repr_of_a_task_of_a_job_works(run):
    async def main():
        task = asyncio.create_task(jobs.sleep(0.01))
        before = repr(task)
        await asyncio.sleep(0)
        during = repr(task)
        task.get_stack()
        task.print_stack(file=io.StringIO())
        await task
        return before, during, repr(task)

    before, during, after = run(main)
    assert "pending" in before and "sleep" in before
    assert "pending" in during and "sleep" in during
    assert "finished" in after


def test_the_repr_of_a_coroutine_that_awaits_a_job_works(run):
    async def main():
        async def read():
            await jobs.sleep(0.01)

        coroutine = read()
        task = asyncio.create_task(coroutine)
        await asyncio.sleep(0)
        assert coroutine.cr_await is not None
        shown = repr(task), repr(coroutine.cr_await)
        await task
        return shown

    assert all(run(main))


def test_jobs_work_in_debug_mode(run):
    async def main():
        assert asyncio.get_running_loop().get_debug()
        job = jobs.sleep(0.001, 1)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(jobs.sleep(0.001, n)) for n in range(10)]
        cancelled = asyncio.create_task(jobs.sleep(60))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        return await job, [task.result() for task in tasks]

    assert run(main, debug=True) == (1, list(range(10)))


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_jobs_work_with_debug_set_by_the_environment(child, kind):
    child(
        """
        from simul.testing import jobs
        async def main():
            loop = asyncio.get_running_loop()
            assert loop.get_debug()
            loop.slow_callback_duration = 60
            job = jobs.sleep(0.001, 1)
            called = []
            job.add_done_callback(called.append)
            task = asyncio.create_task(jobs.sleep(60))
            await asyncio.sleep(0)
            repr(task)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            value, *places = await asyncio.gather(job, *jobs.storm(50, 0.001))
            assert (value, sorted(places)) == (1, list(range(50)))
            while not called:
                await asyncio.sleep(0)
            assert await asyncio.to_thread(jobs.sleep(0.001, 2).wait) == 2
        run(main(), arguments[0])
        """,
        kind,
        env={"PYTHONASYNCIODEBUG": "1"},
    )


def test_jobs_work_in_development_mode(child):
    child(
        """
        from simul.testing import jobs
        async def main():
            await asyncio.gather(*[jobs.sleep(0.001) for _ in range(20)])
        asyncio.run(main())
        assert jobs.ready(1).wait() == 1
        """,
        options=("-X", "dev"),
    )


def test_a_destroyed_pending_task_is_shown_without_an_error(starting_child):
    """asyncio prints the task's repr here; what it prints must be its own message, not a failure of ours."""
    child = starting_child(
        """
        from simul.testing import jobs
        loop = asyncio.new_event_loop()
        task = loop.create_task(jobs.sleep(60))
        loop.run_until_complete(asyncio.sleep(0))
        del task
        loop.close()
        """
    )
    finished = child.finish()
    assert finished.code == 0
    assert "Traceback" not in finished.err
