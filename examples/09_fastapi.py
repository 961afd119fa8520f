"""FastAPI: one method behind an async endpoint and behind a plain one."""

import asyncio

import httpx
from fastapi import FastAPI

from simul import Lock, smartasync


class Counter:
    """Counts for endpoints of both kinds, which run on different threads."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.value = 0

    @smartasync
    async def add(self, number: int) -> int:
        """Add to the value, one caller at a time."""
        async with self.lock:
            self.value += number
            return self.value


counter, app = Counter(), FastAPI()


@app.get("/async/{number}")
async def with_await(number: int) -> int:
    """A coroutine awaits it."""
    return await counter.add.aio(number)


@app.get("/plain/{number}")
def without_await(number: int) -> int:
    """A plain function, which FastAPI runs in a thread, calls it."""
    return counter.add.sync(number)


async def main() -> None:
    """Ask both, ten times each, at once."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://example") as client:
        await asyncio.gather(*[client.get(f"/{kind}/1") for kind in ("async", "plain") * 10])
    print(counter.value)


asyncio.run(main())
