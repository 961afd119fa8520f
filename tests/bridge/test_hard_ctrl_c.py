"""Ctrl-C wherever plain code may block: the coroutine is cancelled, its clean-up runs, the thread is clean."""

from __future__ import annotations

import pytest

AFTERWARDS = """
    async def afterwards():
        await asyncio.sleep(0)
        return len(asyncio.all_tasks()), asyncio.current_task().cancelling()
    assert simul.run(afterwards()) == (1, 0)
    assert simul.async_handler(afterwards)() == (1, 0)
    say("clean")
"""
# What blocks, in plain code on the main thread. "ready" is said when it is about to.
CALLS = {
    "smartasync": """
        @simul.smartasync
        async def call():
            asyncio.get_running_loop().call_soon(say, "ready")
            try:
                await simul.testing.jobs.tcp_read(host, port)
            except asyncio.CancelledError:
                say("cancelled")
                raise
            finally:
                await asyncio.sleep(0)
                await asyncio.shield(asyncio.sleep(0.001))
                say("cleaned up")
    """,
    "nested": """
        @simul.async_handler
        async def inner():
            asyncio.get_running_loop().call_soon(say, "ready")
            try:
                await simul.testing.jobs.tcp_read(host, port)
            except asyncio.CancelledError:
                say("cancelled")
                raise
            finally:
                await asyncio.sleep(0)
                say("cleaned up")
        async def main():
            inner()
        def call():
            asyncio.run(main())
    """,
    "iterator": """
        @simul.smartasync
        async def numbers():
            asyncio.get_running_loop().call_soon(say, "ready")
            try:
                yield await simul.testing.jobs.tcp_read(host, port)
            except asyncio.CancelledError:
                say("cancelled")
                raise
            finally:
                await asyncio.sleep(0)
                say("cleaned up")
        def call():
            list(numbers())
    """,
}
WAITS = {
    "job": "simul.testing.jobs.tcp_read(host, port).wait()",
    "lock": "lock.acquire().wait()",
    "with lock": "lock.__enter__()",
    "queue get": "simul.Queue().get().wait()",
    "queue put": "full.put(2).wait()",
    "event": "simul.Event().wait().wait()",
    "semaphore": "simul.Semaphore(0).acquire().wait()",
    "limiter": "limiter.acquire().wait()",
    "barrier": "simul.Barrier(2).wait().wait()",
    "flight": "simul.SmartLock().run_once(asyncio.Event().wait).wait()",
    "portal": "portal.call(forever)",
}


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
@pytest.mark.parametrize("call", CALLS)
def test_a_coroutine_is_cancelled_and_cleans_up(starting_child, far_end, kind, call):
    source = f"""
    import simul, simul.testing
    from textwrap import dedent
    use(arguments[2])
    host, port = arguments[0], int(arguments[1])
    exec(dedent({CALLS[call]!r}))
    try:
        call()
    except KeyboardInterrupt:
        say("interrupted")
    """
    child = starting_child(source + AFTERWARDS, *far_end.address, kind)
    child.expect("ready")
    far_end.wait_accepted(1)
    child.signal(2)
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")
    assert finished.lines == ["cancelled", "cleaned up", "interrupted", "clean"]
    far_end.wait_closed(1)


@pytest.mark.parametrize("wait", WAITS)
def test_a_blocking_wait_raises_and_takes_nothing_with_it(starting_child, far_end, wait):
    child = starting_child(
        f"""
    import simul, simul.testing
    host, port = arguments[0], int(arguments[1])
    lock, full, limiter = simul.Lock(), simul.Queue(maxsize=1), simul.CapacityLimiter(1)
    full.put_nowait(1)
    async def forever():
        await asyncio.Event().wait()
    async def borrow():
        await limiter.acquire()
    def hold():
        lock.acquire().wait()
        asyncio.run(borrow())
    holder = threading.Thread(target=hold)
    holder.start()
    holder.join()
    with simul.Portal() as portal:
        # Seen by another thread once this one is blocked in the kernel, and struck then.
        def strike():
            def state():
                with open(f"/proc/self/task/{{os.getpid()}}/stat") as file:
                    return file.read().rpartition(")")[2].split()[0]
            asleep = 0
            while asleep < 200:
                asleep = asleep + 1 if state() == "S" else 0
                os.sched_yield()
            os.kill(os.getpid(), signal.SIGINT)
        striker = threading.Thread(target=strike)
        striker.start()
        try:
            {WAITS[wait]}
        except KeyboardInterrupt:
            say("interrupted")
        striker.join()
    assert lock.locked() and lock.statistics()["waiting"] == 0
    assert full.qsize() == 1 and full.get_nowait() == 1
    lock.release()
    assert lock.acquire_nowait()
    """
        + AFTERWARDS,
        *far_end.address,
    )
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")
    assert finished.lines == ["interrupted", "clean"]
    far_end.wait_closed(far_end.accepted)


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_second_interrupt_during_the_clean_up_ends_that_too(starting_child, kind):
    child = starting_child(
        """
        import simul
        use(arguments[0])
        async def stubborn():
            loop = asyncio.get_running_loop()
            loop.call_soon(say, "ready")
            try:
                await asyncio.Event().wait()
            finally:
                loop.call_soon(say, "cleaning")
                try:
                    await asyncio.Event().wait()
                finally:
                    say("ended")
        try:
            simul.run(stubborn())
        except KeyboardInterrupt:
            say("interrupted")
        """
        + AFTERWARDS.replace("\n    ", "\n        "),
        kind,
    )
    child.expect("ready")
    child.signal(2)
    child.expect("cleaning")
    child.signal(2)
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")
    assert finished.lines[-2:] == ["interrupted", "clean"]
    assert "ended" in finished.lines


def test_a_program_that_does_not_catch_it_ends_as_python_does(starting_child):
    child = starting_child(
        """
        import simul
        async def forever():
            asyncio.get_running_loop().call_soon(say, "ready")
            await asyncio.Event().wait()
        simul.run(forever())
        """
    )
    child.expect("ready")
    child.signal(2)
    finished = child.finish()
    assert finished.code == -2
    assert finished.err.rstrip().endswith("KeyboardInterrupt")


def test_the_signal_handlers_are_as_they_were_after_a_call(child):
    child(
        """
        import simul
        def own(number, frame):
            pass
        for handler in (signal.default_int_handler, own, signal.SIG_IGN, signal.SIG_DFL):
            signal.signal(signal.SIGINT, handler)
            seen = []
            async def look():
                await asyncio.sleep(0)
                return signal.getsignal(signal.SIGINT)
            inside = simul.run(look())
            assert handler is signal.default_int_handler or inside is handler, (handler, inside)
            assert signal.getsignal(signal.SIGINT) is handler
        async def main():
            before = signal.getsignal(signal.SIGINT)
            simul.run(look())
            assert signal.getsignal(signal.SIGINT) is before
        signal.signal(signal.SIGINT, signal.default_int_handler)
        asyncio.run(main())
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        """
    )
