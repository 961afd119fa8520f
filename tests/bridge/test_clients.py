"""The clients that people call from bridged functions: what belongs to a loop stays good from one call to the next."""

from __future__ import annotations

import asyncio
import gc
import http.server
import threading

import aiohttp
import httpx
import pytest

import simul


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.ports.add(self.client_address[1])
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    server.ports = set()
    server.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class AioHttp:
    session = None

    @simul.smartasync
    async def get(self, url):
        if self.session is None:
            self.session = aiohttp.ClientSession()
        async with self.session.get(url) as response:
            return await response.text()

    @simul.smartasync
    async def close(self):
        await self.session.close()


class Httpx:
    client = None

    @simul.smartasync
    async def get(self, url):
        if self.client is None:
            self.client = httpx.AsyncClient(trust_env=False)
        return (await self.client.get(url)).text

    @simul.smartasync
    async def close(self):
        await self.client.aclose()


class Streams:
    """As drivers of databases are: a reader and a writer that live as long as the connection."""

    reader = None

    @simul.smartasync
    async def get(self, url):
        if self.reader is None:
            host = url.split("/")[2].split(":")
            self.reader, self.writer = await asyncio.open_connection(host[0], int(host[1]))
        self.writer.write(f"GET /{url.rsplit('/', 1)[1]} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await self.writer.drain()
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
        return (await self.reader.readexactly(length)).decode()

    @simul.smartasync
    async def close(self):
        self.writer.close()
        await self.writer.wait_closed()


@pytest.fixture(params=[AioHttp, Httpx, Streams])
def client(request):
    return request.param()


def test_one_connection_serves_calls_from_plain_code(client, server):
    assert [client.get(f"{server.address}/{number}") for number in range(3)] == ["/0", "/1", "/2"]
    client.close()
    assert len(server.ports) == 1
    gc.collect()


def test_a_call_that_needs_no_waiting_works_between_calls_that_do(client, server):
    @simul.smartasync
    async def trivial():
        return asyncio.get_running_loop()

    loops = {trivial()}
    assert client.get(f"{server.address}/a") == "/a"
    loops.add(trivial())
    assert client.get(f"{server.address}/b") == "/b"
    client.close()
    assert len(loops) == 1
    assert len(server.ports) == 1


def test_the_same_client_awaits_in_a_coroutine(run, client, server):
    async def main():
        found = await asyncio.gather(*(client.get(f"{server.address}/{number}") for number in range(2)))
        await client.close()
        return found

    if isinstance(client, Streams):
        # One connection carries one question at a time.
        async def main():
            found = [await client.get(f"{server.address}/{number}") for number in range(2)]
            await client.close()
            return found

    assert run(main) == ["/0", "/1"]


def test_a_function_in_a_worker_uses_the_client_of_the_loop_that_awaits_it(run, client, server):
    def work():
        return client.get(f"{server.address}/worker")

    async def main():
        before = await client.get(f"{server.address}/loop")
        inside = await simul.to_thread(work)
        await client.close()
        return before, inside

    assert run(main) == ("/loop", "/worker")
    assert len(server.ports) == 1
