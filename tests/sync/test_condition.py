"""Condition: the lock is given up while one waits, and held again however the wait ends."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

import simul
from tests.bridge.waiting import until

LOCKS = [simul.Lock, simul.RLock]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_thread_tells_a_task_and_a_task_tells_a_thread(run, in_thread, lock):
    condition = simul.Condition(lock())
    items = []

    def produce():
        with condition:
            items.append("from a thread")
            condition.notify()

    def consume():
        with condition:
            return condition.wait_for(lambda: items and items.pop()).wait()

    async def main():
        async with condition:
            thread = in_thread(produce)
            assert await condition.wait_for(lambda: items and items.pop()) == "from a thread"
        thread.join()
        thread = in_thread(consume)
        while condition.statistics()["waiting"] == 0:
            await asyncio.sleep(0)
        async with condition:
            items.append("from a task")
            condition.notify_all()
        assert await asyncio.to_thread(thread.join) == "from a task"

    run(main)
    assert condition.statistics() == {"locked": False, "waiting": 0}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_cancelled_wait_holds_the_lock_before_it_raises(run, lock):
    async def main():
        condition = simul.Condition(lock())
        seen = []

        async def waiter():
            async with condition:
                try:
                    await condition.wait()
                except asyncio.CancelledError:
                    seen.append(condition.locked())
                    raise

        task = asyncio.create_task(waiter())
        await asyncio.sleep(0)
        async with condition:
            task.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not task.done()
            task.cancel()  # while it waits for the lock
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == [True]
        assert condition.statistics() == {"locked": False, "waiting": 0}

    run(main)


@pytest.mark.parametrize("turns", range(4))
def test_a_notify_that_hit_a_cancelled_waiter_goes_to_the_next(run, turns):
    async def main():
        condition = simul.Condition()
        told = []

        async def waiter(name):
            async with condition:
                await condition.wait()
                told.append(name)

        first, second = asyncio.create_task(waiter("first")), asyncio.create_task(waiter("second"))
        while condition.statistics()["waiting"] < 2:
            await asyncio.sleep(0)
        await condition.acquire()
        condition.notify()
        for _ in range(turns):  # the cancel comes before or after it has read that it was told
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        condition.release()
        with pytest.raises(asyncio.CancelledError):
            await first
        await second
        assert told == ["second"]

    run(main)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_timed_out_wait_holds_the_lock_again_as_deep(lock):
    condition = simul.Condition(lock())
    with condition:
        if lock is simul.RLock:
            condition.acquire_nowait()
        with pytest.raises(simul.TimeoutError, match="held again"):
            condition.wait().wait(0)
        with pytest.raises(simul.TimeoutError):
            condition.wait_for(lambda: False).wait(0)
        assert condition.locked()
        if lock is simul.RLock:
            condition.release()
    assert condition.statistics() == {"locked": False, "waiting": 0}


def test_a_wait_without_the_lock_is_refused(run):
    condition = simul.Condition()
    with pytest.raises(RuntimeError, match="un-acquired"):
        condition.wait().wait()
    with pytest.raises(RuntimeError, match="un-acquired"):
        condition.notify()

    async def main():
        with pytest.raises(RuntimeError, match="un-acquired"):
            await condition.wait()

    run(main)
    with pytest.raises(TypeError, match=r"simul\.Lock"):
        simul.Condition(threading.Lock())


def test_a_wait_begins_when_it_is_awaited_and_once(run):
    condition = simul.Condition()

    async def main():
        async with condition:
            call = condition.wait()
            assert asyncio.iscoroutine(call)
            assert condition.statistics() == {"locked": True, "waiting": 0}
            task = asyncio.create_task(call)
            await asyncio.sleep(0)
            assert condition.statistics() == {"locked": False, "waiting": 1}
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert condition.locked()

    run(main)
    with pytest.warns(RuntimeWarning, match=r"Condition\.wait' was never awaited"):
        condition.wait()
    call = condition.wait_for(lambda: 7)
    assert call.wait() == 7
    with pytest.raises(RuntimeError, match="already awaited"):
        call.wait()


def test_blocking_a_loop_whose_task_is_next_is_refused_before_the_lock_is_given_up(run):
    async def main():
        condition = simul.Condition()
        with condition:
            ahead = asyncio.create_task(condition.acquire(), name="who-is-next")
            await asyncio.sleep(0)
            with pytest.raises(simul.DeadlockError, match="who-is-next"):
                condition.wait().wait(0)
            assert condition.locked()
        await ahead
        condition.release()

    run(main)


def test_a_waiter_whose_loop_closed_is_passed_over(new_loop, in_thread):
    condition = simul.Condition()
    event_loop = new_loop()

    async def waiter():
        async with condition:
            await condition.wait()

    task = event_loop.create_task(waiter())
    event_loop.run_until_complete(asyncio.sleep(0))
    assert condition.statistics() == {"locked": False, "waiting": 1}
    event_loop.close()

    def wait():
        with condition:
            return condition.wait().wait()

    thread = in_thread(wait)
    until(lambda: condition.statistics() == {"locked": False, "waiting": 1})
    with condition:
        condition.notify()
    assert thread.join() is True
    task._log_destroy_pending = False
    with condition:  # it is held by somebody else while the waiting coroutine is destroyed
        del task
        gc.collect()
        assert condition.locked()
    assert condition.statistics() == {"locked": False, "waiting": 0}


def test_ctrl_c_in_a_wait_holds_the_lock_again(child):
    child("""
        import simul
        condition = simul.Condition()
        def interrupt():
            while condition.statistics() != {"locked": False, "waiting": 1}:
                pass
            os.kill(os.getpid(), signal.SIGINT)
        try:
            with condition:
                threading.Thread(target=interrupt).start()
                condition.wait().wait()
        except KeyboardInterrupt:
            pass
        else:
            raise AssertionError("not interrupted")
        assert condition.statistics() == {"locked": False, "waiting": 0}
    """)


def test_wait_for_looks_once_more_when_its_time_is_up():
    condition = simul.Condition()
    looks = []

    def second_look():
        # It came true without a notify, while the wait ran out.
        looks.append(None)
        return len(looks) > 1

    with condition:
        assert condition.wait_for(second_look).wait(0) is True
        with pytest.raises(simul.TimeoutError):
            condition.wait_for(lambda: False).wait(0)
        assert condition.locked()
