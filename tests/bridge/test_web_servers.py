"""Flask under gunicorn with threads, and FastAPI: views of both kinds call bridged functions at once."""

from __future__ import annotations

import asyncio
import pathlib
import re
import signal
import subprocess
import sys
import tomllib
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

import simul

from .waiting import until

ROOT = pathlib.Path(__file__).resolve().parents[2]

FLASK_APP = """
import asyncio, os, sys, threading
import simul
from flask import Flask

app = Flask(__name__)
opened, waiting = {name: simul.Event() for name in "abc"}, set()

@simul.async_handler
async def load(name):
    waiting.add(name)
    await opened[name].wait()
    return name

@simul.async_handler
async def value(number):
    await asyncio.sleep(number / 1000)
    return number

@app.get("/wait/<name>")
def wait(name):
    return load(name)

@app.get("/nested/<name>")
def nested(name):
    async def main():
        return load(name)
    return asyncio.run(main())

@app.get("/open/<name>")
def open_(name):
    opened[name].set()
    return "opened"

@app.get("/close")
def close():
    waiting.clear()
    for event in opened.values():
        event.clear()
    return "closed"

@app.get("/waiting")
def who():
    return "".join(sorted(waiting))

@app.get("/value/<int:number>")
def values(number):
    async def main():
        return value(number), await simul.to_thread(value, number)
    assert "nest_asyncio" not in sys.modules
    return f"{value(number)} {asyncio.run(main())[0]} {os.getpid()}"
"""


@pytest.fixture
def gunicorn(tmp_path):
    """Serves FLASK_APP; gives a function that gets a path."""
    pytest.importorskip("gunicorn", reason="gunicorn is a test dependency of ./dev test")
    (tmp_path / "served.py").write_text(FLASK_APP)
    servers = []

    def start(*options, workers):
        command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", *options, "served:app"]
        server = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        servers.append(server)
        address, booted = None, 0
        while address is None or booted < workers:
            line = server.stderr.readline()
            assert line, "gunicorn ended early"
            if found := re.search(r"Listening at: (http://\S+)", line):
                address = found[1]
            booted += "Booting worker" in line

        def get(path):
            with urllib.request.urlopen(f"{address}/{path}", timeout=60) as response:  # noqa: S310 - our own server
                return response.read().decode()

        def stop():
            server.send_signal(signal.SIGTERM)
            _, rest = server.communicate(timeout=60)
            assert server.returncode == 0, rest
            assert "Traceback" not in rest, rest
            assert "Warning" not in rest, rest

        get.stop = stop
        return get

    yield start
    for server in servers:
        if server.poll() is None:
            server.kill()
        if not server.stderr.closed:
            server.communicate()


def test_requests_end_in_the_order_of_their_own_work_under_threads(gunicorn):
    get = gunicorn("-k", "gthread", "--threads", "8", workers=1)
    with ThreadPoolExecutor(3) as pool:
        for path in ("wait", "nested"):
            requests = {name: pool.submit(get, f"{path}/{name}") for name in "abc"}
            until(lambda: get("waiting") == "abc")
            left = set("abc")
            for name in "cab":
                assert not any(requests[other].done() for other in left)
                get(f"open/{name}")
                assert requests[name].result(60) == name
                left.remove(name)
            get("close")
    get.stop()


def test_a_hundred_requests_at_once_under_threads(gunicorn):
    get = gunicorn("-k", "gthread", "--threads", "8", workers=1)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(get, [f"value/{number % 7}" for number in range(100)]))
    assert [answer.split()[:2] for answer in answers] == [[str(number % 7)] * 2 for number in range(100)]
    get.stop()


def test_two_preloaded_workers_with_threads(gunicorn):
    get = gunicorn("-k", "gthread", "--threads", "4", "--preload", "-w", "2", workers=2)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(get, [f"value/{number % 7}" for number in range(100)]))
    assert [answer.split()[:2] for answer in answers] == [[str(number % 7)] * 2 for number in range(100)]
    get.stop()


def test_fastapi_endpoints_of_both_kinds_call_one_method(loop_kind):
    fastapi = pytest.importorskip("fastapi", reason="fastapi is a test dependency of ./dev test")
    httpx = pytest.importorskip("httpx", reason="httpx is a test dependency of ./dev test")

    class Store:
        def __init__(self):
            self.lock, self.value = simul.Lock(), 0

        @simul.smartasync
        async def add(self, number: int) -> int:
            async with self.lock:
                before = self.value
                await asyncio.sleep(0)
                self.value = before + number
                return number

    store, app = Store(), fastapi.FastAPI()

    @app.get("/async/{number}")
    async def with_await(number: int) -> int:
        return await store.add(number)

    @app.get("/sync/{number}")
    def without(number: int) -> int:
        return store.add(number)

    @app.get("/dependency/{number}")
    async def depends(value=fastapi.Depends(store.add)) -> int:  # noqa: B008 - FastAPI's way
        return value

    async def main():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60) as client:
            paths = [f"/{way}/{number}" for number in range(20) for way in ("async", "sync", "dependency")]
            answers = await asyncio.gather(*[client.get(path) for path in paths])
            assert [answer.status_code for answer in answers] == [200] * 60
            return [answer.json() for answer in answers]

    loop_factory = asyncio.new_event_loop
    if loop_kind == "uvloop":
        loop_factory = pytest.importorskip("uvloop", reason="uvloop has no build for this interpreter").new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(main()) == [number for number in range(20) for _ in range(3)]
    assert store.value == 3 * sum(range(20))


def test_the_web_extra_brings_no_patch_of_asyncio():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert any(need.startswith("flask") for need in extras["web"])
    assert not any("nest" in need for needs in extras.values() for need in needs)
    # The kernel of notebooks brings one for the loops of its own; test_notebook sees that none is in force.
    asked = (ROOT / "requirements" / "test.in").read_text(encoding="utf-8")
    assert "flask" in asked
    assert "nest" not in asked
    assert not any(name.startswith("nest_asyncio") for name in sys.modules)
