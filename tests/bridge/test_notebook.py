"""A real IPython kernel: cells call bridged functions with and without await, nested, and are interrupted."""

from __future__ import annotations

import queue

import pytest

PATIENCE_SECONDS = 60.0
FUNCTIONS = """
import asyncio, simul, sys, threading, time

@simul.async_handler
async def handled(value):
    await asyncio.sleep(0)
    return value

@simul.smartasync
async def smart(value):
    await asyncio.sleep(0)
    return value

@simul.smartasync
async def numbers():
    for number in range(3):
        await asyncio.sleep(0)
        yield number
"""
WAITS = """
try:
    print("begun", flush=True)
    {wait}
finally:
    print("cleaned up", flush=True)
"""


@pytest.fixture(scope="module")
def cell():
    """Runs a cell and gives what it printed and what it came to; interrupts it once it has printed `at`."""
    pytest.importorskip("ipykernel", reason="the kernel of notebooks is not installed")
    manager = pytest.importorskip("jupyter_client.manager")
    kernel, client = manager.start_new_kernel(kernel_name="python3")

    def run(source, at=None):
        message = client.execute(source)
        printed, result = "", None
        while True:
            try:
                said = client.get_iopub_msg(timeout=PATIENCE_SECONDS)
            except queue.Empty:
                raise AssertionError(f"the cell hung: {source}; it printed {printed!r}") from None
            if said["parent_header"].get("msg_id") != message:
                continue
            content = said["content"]
            match said["msg_type"]:
                case "stream":
                    printed += content["text"]
                    if at is not None and at in printed:
                        at = None
                        kernel.interrupt_kernel()
                case "execute_result":
                    result = content["data"]["text/plain"]
                case "error":
                    result = content["ename"]
                case "status" if content["execution_state"] == "idle":
                    return printed, result

    try:
        assert run(FUNCTIONS) == ("", None)
        yield run
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("handled(1)", "1"),
        ("await smart(2)", "2"),
        ("smart.sync(3)", "3"),
        ("await smart.aio(4)", "4"),
        ("list(numbers.sync()), [number async for number in numbers()]", "([0, 1, 2], [0, 1, 2])"),
        ("await asyncio.gather(*(asyncio.to_thread(handled, i) for i in range(3)))", "[0, 1, 2]"),
        ("await asyncio.gather(*(simul.to_thread(handled, i) for i in range(3)))", "[0, 1, 2]"),
        ("def plain(): return [handled(i) + smart.sync(i) for i in range(3)]\nplain()", "[0, 2, 4]"),
        (
            "async def down(n): return n and 1 + further(n - 1)\ndef further(n): return simul.run(down(n))\nfurther(9)",
            "9",
        ),
        ("simul.set_sync()\nvalue = smart(5)\nsimul.set_sync(False)\nvalue", "5"),
        ("simul.run(asyncio.create_task(asyncio.sleep(0)))", "NestedLoopError"),
        ("asyncio.Task.__module__, asyncio.run.__module__", "('_asyncio', 'asyncio.runners')"),
    ],
)
def test_a_cell_gets_its_value(cell, source, result):
    assert cell(source) == ("", result)


@pytest.mark.parametrize(
    "wait",
    [
        "simul.run(asyncio.sleep(3600))",
        "simul.async_handler(lambda: simul.testing.jobs.sleep(3600))()",
        "simul.async_handler(asyncio.to_thread)(smart.sync, 1); simul.run(asyncio.Event().wait())",
    ],
)
def test_an_interrupted_cell_cleans_up_and_the_next_is_as_ever(cell, wait):
    printed, came = cell("import simul.testing.jobs\n" + WAITS.format(wait=wait), at="begun")
    assert (printed, came) == ("begun\ncleaned up\n", "KeyboardInterrupt")
    assert cell("handled(7), await smart(8)") == ("", "(7, 8)")
