"""Functions that return Jobs are coroutine functions to whoever asks."""

from __future__ import annotations

import asyncio
import inspect
import unittest.mock

import pytest

import simul
from simul.testing import jobs

CALLS = {"ready": (1,), "sleep": (0, 1), "fail": ("Invalid", "bad"), "tcp_read": ("127.0.0.1", 1), "panic": ("burst",),
         "child": (["/bin/true"],)}  # fmt: skip


def is_coroutine_function(function):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # asyncio's own is deprecated from 3.14 on
        return inspect.iscoroutinefunction(function), asyncio.iscoroutinefunction(function)


@pytest.mark.parametrize("name", CALLS)
def test_functions_that_return_jobs_are_coroutine_functions(name):
    assert is_coroutine_function(getattr(jobs, name)) == (True, True)


@pytest.mark.parametrize("name", CALLS)
def test_they_are_called_without_await_all_the_same(name):
    job = getattr(jobs, name)(*CALLS[name])
    assert isinstance(job, simul.Job)
    job.cancel()


@pytest.mark.parametrize("name", CALLS)
def test_they_have_a_signature_a_name_and_a_doc(name):
    function = getattr(jobs, name)
    assert function.__name__ == name
    assert len(inspect.signature(function).parameters) >= 1
    assert inspect.getdoc(function)


def test_every_method_of_the_manager_that_returns_a_job_is_a_coroutine_function():
    manager = getattr(simul, "RepoManager", None)
    assert manager is not None
    names = ["sync", "clone", "clone_all", "fetch_clone_tasks", "analyze_commits", "commits", "changes", "bulk_blame",
             "blame", "analyze_branches", "ownership"]  # fmt: skip
    instance = manager([])
    for name in names:
        assert is_coroutine_function(getattr(manager, name)) == (True, True), name
        assert is_coroutine_function(getattr(instance, name)) == (True, True), name


def test_the_methods_of_job_itself_are_not_coroutine_functions():
    for name in ("wait", "cancel", "done", "result", "detach"):
        assert is_coroutine_function(getattr(simul.Job, name)) == (False, False)


def test_a_partial_of_one_is_a_coroutine_function_too():
    import functools

    assert inspect.iscoroutinefunction(functools.partial(jobs.ready, 1))


def test_an_autospec_of_one_is_an_async_mock(run):
    fake = unittest.mock.create_autospec(jobs.tcp_read)
    fake.return_value = "faked"

    async def main():
        with pytest.raises(TypeError, match="port"):
            await fake("host")
        return await fake("host", 1)

    assert run(main) == "faked"
    fake.assert_awaited_once_with("host", 1)


def test_an_async_mock_with_the_module_as_spec_has_async_children(run):
    fake = unittest.mock.AsyncMock(spec=jobs)
    fake.ready.return_value = "faked"

    async def main():
        return await fake.ready(1)

    assert run(main) == "faked"
    plain = unittest.mock.MagicMock(spec=jobs)
    assert isinstance(plain.ready, unittest.mock.AsyncMock)


def test_patching_one_gives_an_async_mock(run):
    async def main():
        with unittest.mock.patch.object(jobs, "ready") as fake:
            assert isinstance(fake, unittest.mock.AsyncMock)
            fake.return_value = "faked"
            return await jobs.ready(1)

    assert run(main) == "faked"


def test_tenacity_retries_a_function_that_returns_jobs(run):
    tenacity = pytest.importorskip("tenacity", reason="tenacity is a test dependency of ./dev test")
    attempts = []

    @tenacity.retry(stop=tenacity.stop_after_attempt(3), sleep=lambda _: _nothing())
    async def own():
        attempts.append(1)
        return await (jobs.fail("Connect", "refused") if len(attempts) < 3 else jobs.ready("third"))

    async def _nothing():
        return None

    assert run(own) == "third"
    retrying = tenacity.retry(stop=tenacity.stop_after_attempt(3), reraise=True)(jobs.fail)
    assert inspect.iscoroutinefunction(retrying)

    async def main():
        with pytest.raises(simul.SimulError, match="refused"):
            await retrying("Connect", "refused")

    run(main)
    assert retrying.statistics["attempt_number"] == 3


async def get(app, path, query=""):
    """One GET of an ASGI application: its status and body."""
    sent = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "query_string": query.encode(),
        "headers": [],
    }

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def test_fastapi_awaits_a_dependency_and_a_route_that_return_jobs():
    fastapi = pytest.importorskip("fastapi", reason="fastapi is a test dependency of ./dev test")
    app = fastapi.FastAPI()

    @app.get("/depends")
    async def depends(value=fastapi.Depends(jobs.sleep)):  # noqa: B008 - as fastapi is written
        return {"value": value}

    @app.get("/blocks")
    def blocks():
        return {"value": jobs.sleep(0.001, 6).wait()}

    app.add_api_route("/direct", jobs.child, response_model=None, methods=["POST"])
    app.add_api_route("/ready", jobs.panic, response_model=None)

    async def main():
        assert await get(app, "/blocks") == (200, b'{"value":6}')
        status, body = await get(app, "/depends", "seconds=0.001&value=4")
        assert status == 200, body
        with pytest.raises(simul.InternalError, match="burst"):
            await get(app, "/ready", "message=burst")
        return body

    assert asyncio.run(main()) in (b'{"value":4}', b'{"value":"4"}', b'{"value":4.0}')


def test_an_asgi_start_up_hook_that_returns_a_job_is_awaited():
    pytest.importorskip("starlette", reason="starlette comes with fastapi, a test dependency of ./dev test")
    from starlette._utils import is_async_callable

    assert is_async_callable(jobs.ready)
    assert not is_async_callable(simul.setup_async)


def test_async_handler_makes_a_plain_function_of_a_coroutine_function():
    @simul.async_handler
    async def read(value):
        return await jobs.sleep(0.001, value)

    assert not inspect.iscoroutinefunction(read)
    assert read(5) == 5
    assert read.__name__ == "read"


def test_async_handler_works_inside_a_running_loop(run):
    @simul.async_handler
    async def read(value):
        await asyncio.sleep(0)
        return await jobs.sleep(0.001, value)

    async def main():
        values = read(5), read(6)
        return values, await jobs.ready("the outer loop goes on")

    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run(main) == ((5, 6), "the outer loop goes on")
