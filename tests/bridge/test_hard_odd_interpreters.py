"""The bridge under the interpreter's own switches, and what importing it leaves as it was."""

from __future__ import annotations

import sys

import pytest

EVERY_WAY = """
    import simul
    use(arguments[0])
    @simul.smartasync
    async def smart(number):
        await asyncio.sleep(0)
        return number
    @simul.smartasync
    async def at_once(number):
        return number
    @simul.smartasync
    def blocking(number):
        return smart(number) + at_once(number)
    @simul.async_handler
    async def handler(number):
        async with lock:
            return await smart(number)
    @simul.smartasync
    async def numbers(count):
        for number in range(count):
            yield number
    lock, queue, flight = simul.Lock(), simul.Queue(), simul.SmartLock()
    async def main():
        assert await blocking(2) == 4
        assert handler(3) == 3
        assert [number async for number in numbers(3)] == list(numbers.sync(3))
        assert await flight.run_once(smart.aio, 5) == 5
        await queue.put(6)
        assert await asyncio.gather(*[simul.to_thread(handler, number) for number in range(8)]) == list(range(8))
        return await queue.get()
    def work():
        assert smart(1) == at_once(1) == handler(1) == simul.run(smart.aio(1)) == 1
        assert list(numbers(3)) == [0, 1, 2]
        assert simul.run(main()) == 6
        answers.append(1)
    answers = []
    work()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    say(len(answers))
"""

# asyncio's debug mode writes a line on stderr for each step that took 0.1 s: on a busy machine, any.
NO_WORD_OF_SLOW_STEPS = (
    "import logging; "
    "logging.getLogger('asyncio').addFilter(lambda record: not record.getMessage().startswith('Executing '))"
)


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
@pytest.mark.parametrize(
    ("options", "env", "first"),
    [
        pytest.param((), {"PYTHONASYNCIODEBUG": "1"}, NO_WORD_OF_SLOW_STEPS, id="asyncio-debug"),
        pytest.param(("-X", "dev"), {}, NO_WORD_OF_SLOW_STEPS, id="dev-mode"),
        pytest.param((), {}, "sys.setswitchinterval(1e-6)", id="switch-interval"),
        pytest.param(("-O",), {}, "gc.set_threshold(1)", id="gc-at-every-allocation"),
        pytest.param(("-X", "thread_inherit_context=1"), {}, "", id="thread-inherit-context"),
        pytest.param((), {}, "sys.settrace(lambda *a: None); threading.settrace(lambda *a: None)", id="traced"),
        pytest.param((), {}, "sys.setprofile(lambda *a: None)", id="profiled"),
    ],
)
def test_every_way_of_calling_works(child, kind, options, env, first):
    if "thread_inherit_context" in " ".join(options) and sys.version_info < (3, 14):
        options = ()  # older interpreters have no such switch; what it checks holds all the same
    assert child("    " + first + EVERY_WAY, kind, options=options, env=env).lines == ["5"]


def test_importing_and_using_the_bridge_patches_nothing(child):
    finished = child(
        """
        import asyncio.events, asyncio.runners, asyncio.tasks, asyncio.futures, asyncio.base_events, contextvars
        modules = [asyncio, asyncio.events, asyncio.runners, asyncio.tasks, asyncio.futures, asyncio.base_events,
                   threading, signal, contextvars, contextlib, warnings]
        def surface():
            seen = {}
            for module in modules:
                for name, value in vars(module).items():
                    seen[module.__name__, name] = value
                    if isinstance(value, type):
                        for inner, member in vars(value).items():
                            seen[module.__name__, name, inner] = member
            return seen
        policy = asyncio.events._event_loop_policy
        before = surface()
        import simul
        for name in simul.__all__:
            getattr(simul, name)
        def changed():
            now = surface()
            keys = {key for key in before.keys() | now.keys() if before.get(key) is not now.get(key)}
            return {key for key in keys if key[-1] not in ("__warningregistry__", "_cache", "_abc_impl")}
        assert changed() == set(), changed()
        assert asyncio.events._event_loop_policy is policy
        async def nested():
            await asyncio.sleep(0)
        async def main():
            simul.run(nested())
            await simul.to_thread(simul.run, nested())
        asyncio.run(main())
        simul.run(main())
        own = {"_event_loop_policy", "_main_thread", "_active", "_limbo", "_dangling", "_shutdown_locks", "_counter"}
        left = {key for key in changed() if key[1] not in own and not key[1].startswith("_")}
        assert left == set(), left
        for name in ("Task", "Future", "run", "Runner", "get_event_loop", "current_task", "new_event_loop"):
            assert getattr(asyncio, name) is before["asyncio", name]
        loop = asyncio.new_event_loop()
        assert "call_soon" not in vars(loop)
        loop.close()
        say("untouched")
        """
    )
    assert finished.lines == ["untouched"]


@pytest.mark.parametrize("order", ["simul first", "simul last", "simul alone"])
def test_the_order_of_imports_does_not_matter(child, order):
    imports = ["import anyio, anyio.from_thread, aiohttp, httpx, uvloop, tenacity"]
    imports = {"simul first": ["import simul", *imports], "simul last": [*imports, "import simul"]}.get(
        order, ["import simul"]
    )
    lines = "\n".join(f"        {line}" for line in imports)
    child(
        f"""
{lines}
        async def work():
            await asyncio.sleep(0)
            return asyncio.current_task() is not None
        async def main():
            return simul.run(work())
        assert simul.run(work()) and asyncio.run(main())
        """
    )
