"""Other people's concurrency libraries, as far as they are test dependencies already."""

from __future__ import annotations

import asyncio

import pytest

from simul.testing import jobs

anyio = pytest.importorskip("anyio", reason="anyio comes with fastapi, a test dependency of ./dev test")


def test_anyio_cancels_a_job_by_its_scopes(run, far_end):
    async def main():
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:

                async def read():
                    await jobs.tcp_read(*far_end.address)

                for _ in range(5):
                    group.start_soon(read)
                await anyio.to_thread.run_sync(far_end.wait_accepted, 5)
                scope.cancel()
        await anyio.to_thread.run_sync(far_end.wait_closed, 5)
        with anyio.move_on_after(0.01) as moved:
            await jobs.tcp_read(*far_end.address)
        assert moved.cancelled_caught
        return await jobs.sleep(0.001, "goes on")

    assert run(main) == "goes on"


def test_anyio_runs_a_function_that_returns_a_job():
    assert anyio.run(jobs.sleep, 0.001, 5) == 5
    assert anyio.run(jobs.sleep, 0.001, 5, backend_options={"use_uvloop": True}) == 5


def test_anyio_threads_wait_and_call_back(run):
    async def main():
        def blocking():
            return jobs.sleep(0.001, 1).wait(), anyio.from_thread.run(jobs.sleep, 0.001, 2)

        return await anyio.to_thread.run_sync(blocking)

    assert run(main) == (1, 2)


def test_gunicorn_and_flask_style_handlers_wait_in_worker_threads(in_thread):
    flask = pytest.importorskip("flask", reason="flask is a test dependency of ./dev test")
    app = flask.Flask("served")

    @app.get("/")
    def index():
        return {"value": jobs.sleep(0.001, 5).wait()}

    def ask():
        return app.test_client().get("/").json

    threads = [in_thread(ask) for _ in range(8)]
    assert [thread.join() for thread in threads] == [{"value": 5}] * 8


def test_an_asyncio_queue_of_jobs_is_worked_off(run):
    async def main():
        queue = asyncio.Queue()
        for number in range(100):
            queue.put_nowait(jobs.sleep(0.0001 * (number % 7), number))
        values = []

        async def worker():
            while not queue.empty():
                values.append(await queue.get_nowait())

        await asyncio.gather(*[worker() for _ in range(10)])
        return sorted(values)

    assert run(main) == list(range(100))
