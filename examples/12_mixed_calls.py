"""Async calls sync calls async: what runs in a worker uses the loop that waits for it."""

import asyncio

from simul import smartasync


@smartasync
async def fetch(loop: asyncio.AbstractEventLoop) -> str:
    """Async, at the bottom: it runs on the loop of whoever is at the top."""
    return "the same loop" if asyncio.get_running_loop() is loop else "another loop"


@smartasync
def old_code(loop: asyncio.AbstractEventLoop) -> str:
    """Plain, in the middle: it calls and gets the value."""
    return fetch.sync(loop)


async def main() -> None:
    """Async, at the top: its loop goes on while the plain code runs in a worker."""
    print(await old_code.aio(asyncio.get_running_loop()))


asyncio.run(main())
