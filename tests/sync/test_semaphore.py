"""Semaphore: permits go round in the order of coming, and none is lost or made."""

from __future__ import annotations

import asyncio
import gc
import pickle
import random
import sys
import weakref

import pytest

import simul
from tests.bridge.waiting import until


def waiting(semaphore):
    return semaphore.statistics()["waiting"]


def test_threads_and_tasks_get_permits_in_the_order_of_asking(run, in_thread):
    semaphore = simul.Semaphore(0)
    order = []

    def plain(name):
        with semaphore:
            order.append(name)

    def in_loop(name):
        async def main():
            async with semaphore:
                order.append(name)

        run(main)

    threads = []
    for number, (function, name) in enumerate([(plain, "a"), (in_loop, "b"), (plain, "c"), (in_loop, "d")], start=1):
        threads.append(in_thread(function, name))
        until(lambda number=number: waiting(semaphore) == number)
    semaphore.release()
    for thread in threads:
        thread.join()
    assert order == ["a", "b", "c", "d"]
    assert semaphore.statistics() == {"value": 1, "waiting": 0}


def test_who_comes_later_does_not_overtake_one_who_was_let_go(run):
    async def main():
        semaphore = simul.Semaphore(1)
        await semaphore.acquire()
        first = asyncio.create_task(semaphore.acquire())
        await asyncio.sleep(0)
        semaphore.release()
        assert not semaphore.acquire_nowait()
        assert await first is True

    run(main)


def test_a_permit_granted_to_a_cancelled_waiter_goes_to_the_next(run):
    async def main():
        semaphore = simul.Semaphore(0)
        first, second = (asyncio.create_task(semaphore.acquire()) for _ in range(2))
        await asyncio.sleep(0)
        semaphore.release()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await second is True
        assert semaphore.statistics() == {"value": 0, "waiting": 0}

    run(main)


def test_a_permit_granted_to_a_waiter_whose_loop_closed_goes_to_a_thread(new_loop, in_thread):
    semaphore = simul.Semaphore(0)
    event_loop = new_loop()
    task = event_loop.create_task(semaphore.acquire())
    event_loop.run_until_complete(asyncio.sleep(0))
    thread = in_thread(lambda: semaphore.acquire().wait())
    until(lambda: waiting(semaphore) == 2)
    semaphore.release()
    event_loop.close()
    gc.collect()
    assert thread.join() is True
    task._log_destroy_pending = False


def test_a_call_that_timed_out_took_nothing_and_one_that_was_dropped_says_so():
    semaphore = simul.Semaphore(0)
    with pytest.raises(simul.TimeoutError):
        semaphore.acquire().wait(0)
    assert waiting(semaphore) == 0
    semaphore.release()
    with pytest.warns(RuntimeWarning, match=r"Semaphore\.acquire' was never awaited"):
        semaphore.acquire()
    assert semaphore.statistics() == {"value": 1, "waiting": 0}


def test_three_loops_with_half_of_the_acquires_cancelled_keep_the_permits(run, in_thread, switching):
    semaphore = simul.Semaphore(3)
    inside, most = [], []

    def loop_in_thread(seed):
        chance = random.Random(seed)

        async def one():
            async with semaphore:
                inside.append(1)
                most.append(len(inside))
                try:
                    await asyncio.sleep(0)
                finally:
                    inside.pop()

        async def main():
            tasks = [asyncio.create_task(one()) for _ in range(200)]
            for task in tasks:
                if chance.random() < 0.5:
                    for _ in range(chance.randrange(3)):
                        await asyncio.sleep(0)
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        run(main)

    def plain():
        for _ in range(200):
            try:
                semaphore.acquire().wait(0 if chance_of_thread.random() < 0.5 else None)
            except simul.TimeoutError:
                continue
            semaphore.release()

    chance_of_thread = random.Random(7)
    threads = [in_thread(loop_in_thread, seed) for seed in range(3)] + [in_thread(plain)]
    for thread in threads:
        thread.join()
    assert max(most) <= 3
    assert semaphore.statistics() == {"value": 3, "waiting": 0}


def test_blocking_a_running_loop_warns_and_waits(in_thread):
    semaphore = simul.Semaphore(0)

    def release():
        until(lambda: waiting(semaphore) == 1)
        semaphore.release()

    async def main():
        thread = in_thread(release)
        with pytest.warns(RuntimeWarning, match=r"Semaphore\.acquire\(\) blocks .*async with"), semaphore:
            pass
        thread.join()

    asyncio.run(main())  # one kind of loop: it warns once for each line


def test_a_bounded_one_refuses_a_release_too_many():
    semaphore = simul.BoundedSemaphore(1)
    assert isinstance(semaphore, simul.Semaphore)
    with pytest.raises(ValueError, match="too many times"):
        semaphore.release()
    with semaphore:
        pass
    with pytest.raises(ValueError, match=">= 0"):
        simul.Semaphore(-1)


def test_it_is_neither_pickled_nor_kept_alive_by_a_waiter(run):
    with pytest.raises(TypeError, match="another semaphore"):
        pickle.dumps(simul.Semaphore())

    async def main():
        semaphore = simul.Semaphore()
        async with semaphore:
            assert repr(semaphore) == "<simul.Semaphore [locked]>"
        return weakref.ref(semaphore)

    assert run(main)() is None
    assert repr(simul.BoundedSemaphore(2)) == "<simul.BoundedSemaphore [unlocked, value:2]>"


def test_a_forked_child_finds_all_permits_free(child):
    child("""
        import simul
        semaphore = simul.Semaphore(2)
        semaphore.acquire_nowait(), semaphore.acquire_nowait()
        pid = os.fork()
        if pid == 0:
            assert semaphore.statistics() == {"value": 2, "waiting": 0}
            with semaphore:
                os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        assert semaphore.locked()
    """)


def test_ctrl_c_in_a_blocked_acquire_leaves_the_line(child):
    child("""
        import simul
        semaphore = simul.Semaphore(0)
        def interrupt():
            while semaphore.statistics()["waiting"] == 0:
                pass
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=interrupt).start()
        try:
            semaphore.acquire().wait()
        except KeyboardInterrupt:
            pass
        else:
            raise AssertionError("not interrupted")
        semaphore.release()
        assert semaphore.statistics() == {"value": 1, "waiting": 0}
    """)


@pytest.fixture
def switching():
    """Threads change as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
