"""The examples of the guides that the names of the bridge come from, as their readers would write them."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

import simul
from simul import (
    SmartLock,
    async_handler,
    reset_smartasync_cache,
    setup_async,
    smartasync,
    smartawait,
    smartcontinuation,
)


@pytest.fixture
def answers(far_end):
    """Answers each HTTP request on the far end with a small JSON document, until the test ends."""
    body = json.dumps({"name": "Alice"}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    stop = threading.Event()

    def serve():
        answered = 0
        while not stop.is_set():
            if far_end.heard.count(b"\r\n\r\n") > answered:
                answered += far_end.answer(head % len(body) + body)
            stop.wait(0.001)

    thread = threading.Thread(target=serve)
    thread.start()
    yield "http://{}:{}/".format(*far_end.address)
    stop.set()
    thread.join()


def test_a_manager_whose_methods_are_called_by_both_kinds_of_code(run, answers):
    aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is a test dependency of ./dev test")

    class DataManager:
        @smartasync
        async def fetch_data(self, url: str) -> dict:
            """Async method that works in both contexts."""
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                return await response.json()

        @smartasync
        def process_data(self, data: dict) -> dict:
            """Sync method that does not block async callers."""
            threads.append(threading.current_thread())
            return {name: value.upper() for name, value in data.items()}

    threads = []
    manager = DataManager()
    data = manager.fetch_data(answers)
    assert manager.process_data(data) == {"name": "ALICE"}

    async def main():
        manager = DataManager()
        data = await manager.fetch_data(answers)
        return await manager.process_data(data)

    assert run(main) == {"name": "ALICE"}
    assert threads[0] is threading.main_thread()
    assert threads[1] is not threading.main_thread()


def test_an_httpx_client_is_used_in_call_after_call_of_one_thread(run, answers):
    httpx = pytest.importorskip("httpx", reason="httpx is a test dependency of ./dev test")
    clients = []

    @async_handler
    async def get(url):
        if not clients:
            clients.append(httpx.AsyncClient(timeout=30))
        return (await clients[0].get(url)).json()

    @async_handler
    async def close():
        await clients.pop().aclose()

    assert [get(answers) for _ in range(3)] == [{"name": "Alice"}] * 3
    close()

    async def main():
        value = get(answers)  # nested
        close()
        return value

    assert run(main) == {"name": "Alice"}


def test_inline_use(run):
    async def some_async_func(arg1, arg2):
        await asyncio.sleep(0)
        return arg1, arg2

    assert smartasync(some_async_func)(1, 2) == (1, 2)
    wrapped = smartasync(some_async_func)
    assert (wrapped(1, 2), wrapped(3, 4)) == ((1, 2), (3, 4))

    async def main():
        return await smartasync(some_async_func)(5, 6)

    assert run(main) == (5, 6)


def test_smartawait_resolves_whatever_a_loader_gives(run):
    async def value():
        return 42

    async def coroutine():
        return value()

    async def future():
        made = asyncio.get_running_loop().create_future()
        made.set_result(coroutine())
        return made

    class Flexible:
        def __init__(self, loader):
            self.loader = loader

        async def flexible_load(self):
            return await smartawait(self.loader())

    async def main():
        return [await Flexible(loader).flexible_load() for loader in (lambda: 42, value, coroutine, future)]

    assert run(main) == [42] * 4
    assert smartasync(Flexible(future).flexible_load)() == 42


def test_smartcontinuation_applies_a_callback_to_values_and_awaitables(run):
    def extract_name(data):
        return data["name"]

    def combine(data, first, *, second):
        return data["name"], first, second

    async def async_fetch_user():
        await asyncio.sleep(0)
        return {"name": "Alice"}

    async def async_callback(data):
        await asyncio.sleep(0)
        return data["name"]

    assert smartcontinuation({"name": "Alice"}, extract_name) == "Alice"
    assert smartcontinuation({"name": "Alice"}, combine, 1, second=2) == ("Alice", 1, 2)

    async def main():
        result = smartcontinuation(async_fetch_user(), extract_name)
        assert asyncio.iscoroutine(result)
        assert await result == "Alice"
        assert await smartcontinuation(async_fetch_user(), combine, 1, second=2) == ("Alice", 1, 2)
        assert smartcontinuation({"name": "Alice"}, extract_name) == "Alice"
        return await smartawait(smartcontinuation(async_fetch_user(), async_callback))

    assert run(main) == "Alice"


def test_a_cached_loader_loads_once_for_all(run):
    class CachedLoader:
        def __init__(self):
            self._lock = SmartLock()
            self._cache = None
            self.loads = 0

        async def get_data(self):
            if self._cache is not None:
                return self._cache
            result = await self._lock.run_once(self._expensive_load)
            self._cache = result
            return result

        async def _expensive_load(self):
            self.loads += 1
            await asyncio.sleep(0)
            return "data"

    async def main():
        loader = CachedLoader()
        values = await asyncio.gather(*[loader.get_data() for _ in range(3)])
        return values, await loader.get_data(), loader.loads

    assert run(main) == (["data"] * 3, "data", 1)


def test_async_a_calls_sync_b_in_a_thread_which_calls_async_c(run):
    @smartasync
    async def async_c():
        await asyncio.sleep(0)
        return "result"

    @smartasync
    def sync_b():
        return async_c()

    @smartasync
    async def async_a():
        return await sync_b()

    async def plain_threads():
        return await asyncio.to_thread(sync_b)

    assert run(async_a.aio) == "result"
    assert async_a() == "result"
    assert run(plain_threads) == "result"


def test_only_the_leaf_is_decorated(run):
    class StorageClient:
        @smartasync
        async def get(self, key: str) -> bytes:
            return await self._internal_get(key)

        @smartasync
        async def get_both(self, first: str, second: str) -> list[bytes]:
            return [await self.get(first), await self.get(second)]

        async def _internal_get(self, key: str) -> bytes:
            await asyncio.sleep(0)
            return key.encode()

    client = StorageClient()
    assert client.get("key") == b"key"
    assert client.get_both("a", "b") == [b"a", b"b"]

    async def main():
        return await asyncio.gather(client.get("c"), asyncio.create_task(client.get_both("d", "e")))

    assert run(main) == [b"c", [b"d", b"e"]]


@smartasync
async def loop_of_now():
    await asyncio.sleep(0)
    return asyncio.get_running_loop()


def test_a_reset_between_tests_gives_another_loop():
    before = loop_of_now()
    assert loop_of_now() is before
    reset_smartasync_cache()
    after = loop_of_now()
    assert after is not before
    assert before.is_closed()
    assert not after.is_closed()


def test_class_methods_static_methods_and_plain_functions_in_either_order(run):
    class Owner:
        @classmethod
        @smartasync
        async def class_inside(cls):
            await asyncio.sleep(0)
            return cls

        @smartasync
        @classmethod
        async def class_outside(cls):
            await asyncio.sleep(0)
            return cls

        @staticmethod
        @smartasync
        async def static_inside(value):
            return value

        @smartasync
        @staticmethod
        async def static_outside(value):
            return value

        @property
        @smartasync
        async def property_inside(self):
            return type(self)

        @smartasync
        @property
        async def property_outside(self):
            return type(self)

    class Heir(Owner):
        __slots__ = ()

    owner = Heir()
    assert owner.class_inside() is owner.class_outside() is Heir.class_inside() is Heir.class_outside() is Heir
    assert owner.static_inside(1) == owner.static_outside(1) == Heir.static_inside(1) == Heir.static_outside(1) == 1
    assert owner.property_inside is owner.property_outside is Heir

    async def main():
        assert await owner.class_inside() is await Heir.class_outside() is Heir
        assert await owner.static_inside(1) == await Heir.static_outside(1) == 1
        return await owner.property_inside, await owner.property_outside

    assert run(main) == (Heir, Heir)


def test_a_handler_is_called_without_await_and_errors_are_caught():
    setup_async()

    @async_handler
    async def my_async_function(arg1, arg2):
        return await simul.testing.jobs.ready(arg1 + arg2)

    @async_handler
    async def might_fail():
        raise ValueError("Something went wrong")

    assert my_async_function(1, 2) == 3
    with pytest.raises(ValueError, match=r"^Something went wrong$"):
        might_fail()


def test_a_flask_view_calls_a_handler(run):
    flask = pytest.importorskip("flask", reason="flask is a test dependency of ./dev test")
    setup_async()
    app = flask.Flask(__name__)
    app.config["THREADED"] = False

    @app.route("/callback")
    def callback():
        return f"token {exchange_code_for_token(flask.request.args.get('code'))}"

    @async_handler
    async def exchange_code_for_token(code):
        await asyncio.sleep(0)
        return code.upper()

    assert app.test_client().get("/callback?code=abc").text == "token ABC"

    async def main():
        return app.test_client().get("/callback?code=def").text

    assert run(main) == "token DEF"


CELLS = [
    "import asyncio, simul",
    "@simul.async_handler\nasync def load(number):\n    await asyncio.sleep(0)\n    return number * 2",
    "first = load(1)",
    "second = await asyncio.sleep(0, load(2))",
    "tasks = [asyncio.create_task(asyncio.sleep(0, number)) for number in range(3)]",
    "third = simul.run(asyncio.sleep(0, 'nested'))",
    "values = await asyncio.gather(*tasks)",
    "@simul.smartasync\nasync def smart():\n    await asyncio.sleep(0)\n    return 'smart'",
    "fourth = await smart()",
    "fifth = smart.sync()",
    "simul.set_sync()",
    "sixth = smart()",
    "simul.set_sync(False)",
    "seventh = await simul.to_thread(load, 4)",
]


def test_the_cells_of_a_notebook(run):
    """A kernel compiles each cell so that it may await, and runs it inside of its loop."""
    import ast
    import inspect

    async def kernel():
        namespace = {}
        for cell in CELLS:
            code = compile(cell, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(code, namespace)  # noqa: S307 - our own cells
            if inspect.iscoroutine(result):
                await result
        return namespace

    names = run(kernel)
    assert (names["first"], names["second"], names["third"], names["values"]) == (2, 4, "nested", [0, 1, 2])
    assert names["fourth"] == names["fifth"] == names["sixth"] == "smart"
    assert names["seventh"] == 8
