"""RLock: its owner is the running task, else the thread."""

from __future__ import annotations

import asyncio

import pytest

import simul
from tests.bridge.waiting import until


def test_a_task_takes_it_again_with_and_without_await_and_another_task_waits(run):
    async def main():
        lock = simul.RLock()
        order = []

        async def other():
            async with lock:
                order.append("other")

        async with lock:
            task = asyncio.create_task(other())
            await asyncio.sleep(0)
            with lock:
                async with lock:
                    assert lock.statistics() == {"locked": True, "depth": 3, "waiting": 1}
            order.append("first")
        await task
        assert order == ["first", "other"]
        assert not lock.locked()

    run(main)


def test_only_its_owner_releases_it(run, in_thread):
    lock = simul.RLock()
    with lock:
        with pytest.raises(RuntimeError, match="not held by this owner"):
            in_thread(lock.release).join()

        async def main():
            with pytest.raises(RuntimeError, match="not held by this owner"):
                lock.release()

        run(main)
        assert lock.locked()
    with pytest.raises(RuntimeError, match="not held"):
        lock.release()


def test_whoever_awaits_the_acquire_owns_it(run):
    async def main():
        lock = simul.RLock()
        assert await asyncio.create_task(lock.acquire()) is True
        assert not lock.acquire_nowait()

    run(main)


def test_blocking_another_tasks_loop_is_refused_and_names_the_owner(run):
    async def main():
        lock = simul.RLock()
        held = asyncio.Event()

        async def hold():
            async with lock:
                held.set()
                await asyncio.sleep(3600)

        task = asyncio.create_task(hold(), name="who-owns-it")
        await held.wait()
        with pytest.raises(simul.DeadlockError, match="who-owns-it"), lock:
            pass
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert lock.statistics() == {"locked": False, "depth": 0, "waiting": 0}

    run(main)


def test_a_grant_to_a_cancelled_task_goes_to_a_thread(run, in_thread):
    lock = simul.RLock()

    async def main():
        await lock.acquire()
        task = asyncio.create_task(lock.acquire())
        await asyncio.sleep(0)
        thread = in_thread(lambda: (lock.acquire().wait(), lock.acquire_nowait()))
        until(lambda: lock.statistics()["waiting"] >= 2)
        lock.release()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert thread.join() == (True, True)

    run(main)


def test_a_forked_child_finds_it_free(child):
    child("""
        import simul
        lock = simul.RLock()
        lock.acquire_nowait(), lock.acquire_nowait()
        pid = os.fork()
        if pid == 0:
            assert lock.statistics()["depth"] == 0
            with lock:
                os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        lock.release(), lock.release()
    """)
