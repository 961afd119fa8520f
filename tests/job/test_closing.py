"""Jobs that are awaited while something closes: a run that ends, a generator, a coroutine, the engine."""

from __future__ import annotations

import asyncio

import pytest

import simul
from simul.testing import jobs


def test_a_task_that_is_cancelled_by_the_end_of_the_run_may_still_await_jobs(run, far_end):
    """asyncio.run cancels what is left and waits for it: its clean-up is ordinary code."""
    cleaned = []

    async def lingering():
        try:
            await jobs.tcp_read(*far_end.address)
        finally:
            cleaned.append(await jobs.sleep(0.001, "cleaned up"))

    async def main():
        lingering_task = asyncio.create_task(lingering())
        await asyncio.sleep(0)
        await asyncio.to_thread(far_end.wait_accepted, 1)
        return lingering_task

    run(main)
    assert cleaned == ["cleaned up"]
    far_end.wait_closed(1)


def test_an_async_generator_left_open_awaits_jobs_in_its_clean_up(run):
    cleaned = []

    async def numbers():
        try:
            for number in range(10):
                yield await jobs.sleep(0, number)
        finally:
            cleaned.append(await jobs.sleep(0.001, "cleaned up"))

    kept = []

    async def main():
        kept.append(numbers())
        async for number in kept[0]:
            if number == 3:
                return number
        return None

    assert run(main) == 3
    assert cleaned == ["cleaned up"]


def test_closing_a_generator_that_awaits_a_job_drops_the_job(run, far_end):
    async def lines():
        yield "first"
        yield await jobs.tcp_read(*far_end.address)

    async def main():
        generator = lines()
        assert await anext(generator) == "first"
        waiting = asyncio.create_task(anext(generator))
        await asyncio.sleep(0)
        await asyncio.to_thread(far_end.wait_accepted, 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await generator.aclose()
        await asyncio.to_thread(far_end.wait_closed, 1)

    run(main)


def test_an_error_thrown_into_a_waiting_coroutine_leaves_the_job(run, far_end):
    async def read(job):
        try:
            return await job
        except ZeroDivisionError:
            return "thrown"

    async def main():
        job = jobs.tcp_read(*far_end.address)
        coroutine = read(job)
        coroutine.send(None)
        await asyncio.sleep(0)
        await asyncio.to_thread(far_end.wait_accepted, 1)
        with pytest.raises(StopIteration) as stopped:
            coroutine.throw(ZeroDivisionError())
        assert stopped.value.value == "thrown"
        await asyncio.to_thread(far_end.wait_closed, 1)
        assert job.cancelled()

    run(main)


def test_one_await_cannot_be_driven_twice(run):
    async def main():
        gate, (job,) = jobs.gated(1)
        steps = job.__await__()
        arrived = asyncio.Event()
        next(steps).add_done_callback(lambda _: arrived.set())
        gate.cancel()
        await arrived.wait()
        with pytest.raises(StopIteration):
            next(steps)
        with pytest.raises(RuntimeError):
            next(steps)
        return await job

    assert run(main) == 0


def test_shutdown_while_tasks_await_ends_them_with_closed(run, child, far_end):
    child(
        """
        import simul
        from simul.testing import jobs
        async def main():
            tasks = [asyncio.ensure_future(jobs.tcp_read(arguments[0], int(arguments[1]))) for _ in range(100)]
            await asyncio.sleep(0)
            simul.shutdown()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(outcome, simul.ClosedError) for outcome in outcomes), outcomes[0]
            assert await jobs.sleep(0.001, "next engine") == "next engine"
        for kind in ("asyncio", "uvloop"):
            run(main(), kind)
        """,
        *far_end.address,
    )
    far_end.wait_closed(far_end.accepted)


def test_shutdown_from_many_threads_beside_work_neither_hangs_nor_loses_a_waiter(child):
    child(
        """
        import simul
        from simul.testing import jobs
        stop = threading.Event()
        counts = {"value": 0, "closed": 0}
        def work():
            while not stop.is_set():
                for job in [jobs.sleep(0.0005, n) for n in range(20)]:
                    try:
                        job.wait()
                        counts["value"] += 1
                    except simul.ClosedError:
                        counts["closed"] += 1
        def close():
            for _ in range(30):
                simul.shutdown()
        workers = [threading.Thread(target=work) for _ in range(4)]
        closers = [threading.Thread(target=close) for _ in range(2)]
        for thread in workers + closers: thread.start()
        for thread in closers: thread.join()
        stop.set()
        for thread in workers: thread.join()
        assert jobs.ready(1).wait() == 1
        gc.collect()
        say(counts)
        """
    )


def test_shutdown_inside_a_callback_works(child):
    child(
        """
        import simul
        from simul.testing import jobs
        done = threading.Event()
        def callback(job):
            simul.shutdown()
            done.set()
        job = jobs.sleep(0.001)
        job.add_done_callback(callback)
        assert done.wait(60)
        assert jobs.ready(1).wait() == 1
        """
    )


def test_a_loop_stopped_in_the_middle_of_a_storm_goes_on_where_it_was(new_loop):
    loop = new_loop()
    try:
        gate, made = jobs.gated(3000)
        tasks = []

        async def start():
            tasks.extend(asyncio.ensure_future(job) for job in made)
            await asyncio.sleep(0)

        loop.run_until_complete(start())
        gate.cancel()
        rounds = 0
        while not all(task.done() for task in tasks):
            loop.call_soon(loop.stop)
            loop.run_forever()
            rounds += 1
        assert sorted(task.result() for task in tasks) == list(range(3000))
        assert rounds > 1
    finally:
        loop.close()


def test_a_job_that_is_awaited_after_its_engine_was_shut_down_keeps_its_result(child):
    child(
        """
        import simul
        from simul.testing import jobs
        job = jobs.sleep(0.001, "kept")
        job.wait()
        unread = jobs.ready("unread")
        called = threading.Event()
        unread.add_done_callback(lambda _: called.set())
        assert called.wait(60)
        simul.shutdown()
        assert job.wait() == asyncio.run(job) == "kept"
        assert asyncio.run(unread) == unread.wait() == "unread"
        """
    )


def test_closed_is_an_error_of_simul():
    assert issubclass(simul.ClosedError, simul.SimulError)
