"""What the ancestor of `SmartLock` got wrong: one row of the list of its bugs, one test.

G3     callers on several loops get errors                   test_g3_callers_on_several_loops_and_threads_share_one_run
G4     an error that nobody waited for is logged             test_g4_an_error_with_one_caller_is_not_logged
G5     a cancelled leader leaves the others hanging          test_g5_the_others_get_the_value_if_the_leader_is_cancelled
G7/R5  one waiter's timeout cancels all others               test_g7_the_timeout_of_one_waiter_cancels_nobody_else
G8     different arguments share one flight without a key    test_g8_a_key_keeps_flights_apart
G8b    run_once in its own work hangs                        test_g8b_entering_it_again_from_its_own_work_is_refused
G9     reset in flight breaks the leader                     test_g9_reset_in_flight_cancels_its_waiters_cleanly
"""

from __future__ import annotations

import asyncio
import logging

import pytest

import simul

from .waiting import until_in_loop


class Work:
    """A coroutine function that counts its runs, and ends when it is told to, from any thread."""

    def __init__(self, error=None):
        self.runs, self.error, self.waiting = 0, error, []

    async def __call__(self, value="value"):
        self.runs += 1
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        await future
        if self.error is not None:
            raise self.error
        return value

    def finish(self):
        for future in self.waiting:
            future.get_loop().call_soon_threadsafe(future.set_result, None)
        self.waiting.clear()


def waiters(lock):
    return lock.statistics()["waiting"]


def test_g3_callers_on_several_loops_and_threads_share_one_run(run, in_thread):
    lock, work = simul.SmartLock(), Work()

    async def call():
        return await lock.run_once(work)

    async def main():
        task = asyncio.create_task(call())
        await until_in_loop(lambda: work.waiting)
        threads = [in_thread(asyncio.run, call()), in_thread(lambda: lock.run_once(work).wait())]
        await until_in_loop(lambda: waiters(lock) == 3)
        work.finish()
        value = await task
        await until_in_loop(lambda: not any(thread.is_alive() for thread in threads))
        return value, *[thread.join() for thread in threads]

    assert run(main) == ("value", "value", "value")
    assert work.runs == 1


def test_g4_an_error_with_one_caller_is_not_logged(run, caplog):
    caplog.set_level(logging.DEBUG)
    lock = simul.SmartLock()

    async def fail():
        await asyncio.sleep(0)
        raise ValueError("mine")

    async def main():
        with pytest.raises(ValueError, match="mine"):
            await lock.run_once(fail)

    run(main)
    with pytest.raises(ValueError, match="mine"):
        lock.run_once(fail).wait()
    assert [record for record in caplog.records if record.name == "asyncio" and record.levelno > logging.DEBUG] == []


def test_g5_the_others_get_the_value_if_the_leader_is_cancelled(run):
    lock, work = simul.SmartLock(), Work()

    async def main():
        leader, *others = [asyncio.create_task(lock.run_once(work)) for _ in range(3)]
        await until_in_loop(lambda: work.waiting and waiters(lock) == 3)
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        work.finish()
        return await asyncio.gather(*others)

    assert run(main) == ["value", "value"]
    assert work.runs == 1


def test_g7_the_timeout_of_one_waiter_cancels_nobody_else(run):
    lock, work = simul.SmartLock(), Work()

    async def main():
        leader, other = [asyncio.create_task(lock.run_once(work)) for _ in range(2)]
        await until_in_loop(lambda: work.waiting and waiters(lock) == 2)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(lock.run_once(work), 0.001)
        cancelled = asyncio.create_task(lock.run_once(work))
        await until_in_loop(lambda: waiters(lock) == 3)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        work.finish()
        return await leader, await other

    assert run(main) == ("value", "value")
    assert work.runs == 1


def test_g8_a_key_keeps_flights_apart(run):
    lock, work = simul.SmartLock(), Work()

    async def main():
        same = [asyncio.create_task(lock.run_once(work, number)) for number in (1, 2)]
        apart = [asyncio.create_task(lock.for_key(number).run_once(work, number)) for number in (1, 2)]
        named = asyncio.create_task(lock.for_key("of run_once").run_once(keyed, key="of the function"))
        await until_in_loop(lambda: len(work.waiting) == 3)
        work.finish()
        return await asyncio.gather(*same), await asyncio.gather(*apart), await named

    async def keyed(*, key):
        return key

    assert run(main) == ([1, 1], [1, 2], "of the function")
    assert work.runs == 3


def test_g8b_entering_it_again_from_its_own_work_is_refused(run):
    lock = simul.SmartLock()

    async def inner():
        raise AssertionError("it ran")

    async def again():
        with pytest.raises(simul.DeadlockError):
            await lock.run_once(inner)

        async def from_a_child():
            await lock.run_once(inner)

        with pytest.raises(simul.DeadlockError):
            await asyncio.create_task(from_a_child())
        with pytest.raises(simul.DeadlockError):
            await asyncio.to_thread(lambda: lock.run_once(inner).wait())
        return "ended"

    async def main():
        return await lock.run_once(again)

    assert run(main) == "ended"
    assert lock.run_once(again).wait() == "ended"


def test_g9_reset_in_flight_cancels_its_waiters_cleanly(run, caplog):
    lock, work = simul.SmartLock(), Work()

    async def main():
        tasks = [asyncio.create_task(lock.run_once(work)) for _ in range(3)]
        await until_in_loop(lambda: work.waiting and waiters(lock) == 3)
        lock.reset()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(end) for end in ends] == [simul.CancelledError] * 3
        assert not any(task.cancelled() for task in tasks)
        work.waiting.clear()
        fresh = asyncio.create_task(lock.run_once(work, "fresh"))
        await until_in_loop(lambda: work.waiting)
        work.finish()
        return await fresh

    assert run(main) == "fresh"
    assert work.runs == 2
    lock.reset()
    assert [record for record in caplog.records if record.name == "asyncio" and record.levelno > logging.DEBUG] == []
