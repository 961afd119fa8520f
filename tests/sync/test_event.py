"""Event: a flag for threads and loops."""

from __future__ import annotations

import asyncio

import pytest

import simul
from tests.bridge.waiting import until


def test_one_set_lets_threads_and_loops_go(run, in_thread):
    event = simul.Event()

    def in_loop():
        async def main():
            return await asyncio.gather(*[event.wait() for _ in range(3)])

        return run(main)

    threads = [in_thread(in_loop), in_thread(in_loop), in_thread(lambda: event.wait().wait())]
    until(lambda: event.statistics()["waiting"] >= 7)
    event.set()
    assert [thread.join() for thread in threads] == [[True] * 3, [True] * 3, True]
    assert event.statistics() == {"is_set": True, "waiting": 0}
    assert repr(event) == "<simul.Event [set]>"


def test_a_waiter_that_was_let_go_goes_on_after_a_clear(run):
    async def main():
        event = simul.Event()
        task = asyncio.create_task(event.wait())
        await asyncio.sleep(0)
        event.set()
        event.clear()
        assert await task is True
        assert not event.is_set()

    run(main)


def test_who_gave_up_is_not_counted(run):
    event = simul.Event()
    with pytest.raises(simul.TimeoutError):
        event.wait().wait(0)

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await event.wait()

    run(main)
    assert event.statistics() == {"is_set": False, "waiting": 0}


def test_a_forked_child_keeps_the_flag(child):
    child("""
        import simul
        lit, dark = simul.Event(), simul.Event()
        lit.set()
        pid = os.fork()
        if pid == 0:
            assert lit.is_set() and not dark.is_set()
            lit.wait().wait()
            dark.set()
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        assert not dark.is_set()
    """)
