"""Lock: one holder, in the order of coming, whoever asks and from wherever."""

from __future__ import annotations

import asyncio
import gc
import pickle
import threading
import warnings

import pytest

import simul
from tests.bridge.waiting import until


def test_a_thread_a_task_and_another_loop_hold_it_in_the_order_of_asking(run, in_thread):
    lock = simul.Lock()
    order = []

    def wait_until(number):
        until(lambda: lock.statistics()["waiting"] >= number)

    async def task(name):
        async with lock:
            order.append(name)

    def loop_in_thread(name):
        run(task, name)

    def plain(name):
        with lock:
            order.append(name)

    with lock:
        threads = []
        for number, (function, name) in enumerate([(plain, "a"), (loop_in_thread, "b"), (plain, "c")], start=1):
            threads.append(in_thread(function, name))
            wait_until(number)
    for thread in threads:
        thread.join()
    assert order == ["a", "b", "c"]
    assert not lock.locked()


def test_a_cancelled_waiter_takes_nothing_and_one_that_was_granted_passes_it_on(run):
    async def main():
        lock = simul.Lock()
        await lock.acquire()
        first, second = (asyncio.create_task(lock.acquire()) for _ in range(2))
        await asyncio.sleep(0)
        lock.release()  # granted to first, which has not read it
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await second is True
        lock.release()
        assert not lock.locked()

    run(main)


def test_a_waiter_whose_loop_has_closed_passes_it_on(new_loop):
    lock = simul.Lock()
    lock.acquire_nowait()
    event_loop = new_loop()
    task = event_loop.create_task(lock.acquire())
    event_loop.run_until_complete(asyncio.sleep(0))
    lock.release()
    assert lock.locked()
    event_loop.close()
    gc.collect()
    assert not lock.locked()
    task._log_destroy_pending = False


def test_a_timed_out_waiter_takes_nothing():
    lock = simul.Lock()
    with lock:
        with pytest.raises(simul.TimeoutError):
            lock.acquire().wait(0)
        assert lock.statistics() == {"locked": True, "waiting": 0}
    assert not lock.locked()


def test_blocking_the_holders_own_loop_is_refused_and_names_the_holder(run):
    async def main():
        lock = simul.Lock()
        async with lock:
            asyncio.current_task().set_name("who-holds-it")
            with pytest.raises(simul.DeadlockError, match="who-holds-it"), lock:
                pass
            assert lock.statistics() == {"locked": True, "waiting": 0}

    run(main)


def test_blocking_a_loop_that_is_ahead_in_the_line_is_refused_whoever_holds_it(run):
    lock = simul.Lock()
    lock.acquire_nowait()

    async def main():
        ahead = asyncio.create_task(lock.acquire(), name="who-is-ahead")
        await asyncio.sleep(0)
        with pytest.raises(simul.DeadlockError, match="who-is-ahead"):
            lock.acquire().wait()
        ahead.cancel()
        assert lock.statistics() == {"locked": True, "waiting": 0}

    run(main)


@pytest.mark.parametrize("kind", [simul.Lock, simul.RLock])
def test_one_ahead_that_was_cancelled_and_has_not_run_since_is_no_reason_to_refuse(run, in_thread, kind):
    async def main():
        lock, held, leave = kind(), threading.Event(), threading.Event()

        def hold():
            with lock:
                held.set()
                leave.wait()

        thread = in_thread(hold)
        held.wait()
        ahead = asyncio.create_task(lock.acquire())
        await asyncio.sleep(0)
        ahead.cancel()
        watcher = in_thread(lambda: until(lambda: lock.statistics()["waiting"] == 1) or leave.set())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # that it stalls the loop
            lock.acquire().wait()
        lock.release()
        thread.join()
        watcher.join()
        with pytest.raises(asyncio.CancelledError):
            await ahead

    run(main)


def test_a_second_await_of_one_call_is_refused_and_takes_nothing_from_the_first(run):
    async def main():
        lock = simul.Lock()
        async with lock:
            call = lock.acquire()
            first = asyncio.ensure_future(call)
            await asyncio.sleep(0)
            second = asyncio.ensure_future(call)
            with pytest.raises(RuntimeError, match="being awaited already"):
                await second
            with pytest.raises(RuntimeError, match="being awaited already"):
                call.wait()
            assert lock.statistics()["waiting"] == 1
        assert await first is True

    run(main)


def test_a_call_that_is_never_awaited_takes_nothing_and_says_so():
    lock = simul.Lock()
    with pytest.warns(RuntimeWarning, match=r"Lock\.acquire' was never awaited"):
        lock.acquire()
    assert not lock.locked()


def test_a_release_without_an_acquire_is_refused():
    with pytest.raises(RuntimeError, match="not held"):
        simul.Lock().release()


def test_a_lock_is_not_pickled():
    with pytest.raises(TypeError, match="another lock"):
        pickle.dumps(simul.Lock())


def test_a_forked_child_finds_it_free(child):
    child("""
        import simul
        lock = simul.Lock()
        lock.acquire_nowait()
        pid = os.fork()
        if pid == 0:
            assert not lock.locked()
            with lock:
                pass
            async def main():
                async with lock:
                    return 7
            assert run(main()) == 7
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        assert lock.locked()
    """)
