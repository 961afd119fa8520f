"""One flight, waited for from everywhere, while its leaders and waiters go away in every way there is."""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback

import pytest

import simul

from .test_ancestors_flight import Work, waiters
from .waiting import until, until_in_loop


@pytest.fixture(autouse=True)
def nothing_logged(caplog):
    caplog.set_level(logging.INFO)
    yield
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


@pytest.fixture
def callers(in_thread):
    """Starts one caller each on two asyncio loops, a uvloop and in two plain threads."""
    uvloop = pytest.importorskip("uvloop", reason="uvloop has no build for this interpreter")

    def start(lock, work, *args):
        async def call():
            return await lock.run_once(work, *args)

        def on(factory):
            with asyncio.Runner(loop_factory=factory) as runner:
                return runner.run(call())

        factories = [asyncio.new_event_loop, asyncio.new_event_loop, uvloop.new_event_loop]
        before = waiters(lock)
        threads = [in_thread(on, factory) for factory in factories]
        threads += [in_thread(lambda: lock.run_once(work, *args).wait()) for _ in range(2)]
        until(lambda: waiters(lock) == before + 5 and work.waiting)
        return threads

    return start


def test_five_callers_of_every_kind_share_one_run(callers):
    lock, work = simul.SmartLock(), Work()
    threads = callers(lock, work, "shared")
    assert waiters(lock) == 5
    work.finish()
    assert [thread.join() for thread in threads] == ["shared"] * 5
    assert work.runs == 1
    assert waiters(lock) == 0


def test_a_leader_in_a_loop_is_cancelled_and_all_others_get_the_value(callers, run):
    lock, work = simul.SmartLock(), Work()

    async def main():
        leader = asyncio.create_task(lock.run_once(work))
        await until_in_loop(lambda: work.waiting)
        threads = await asyncio.to_thread(callers, lock, work)
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        assert leader.cancelled()
        work.finish()
        return await asyncio.to_thread(lambda: [thread.join() for thread in threads])

    assert run(main) == ["value"] * 5
    assert work.runs == 1


def test_a_leader_in_a_thread_gives_up_and_all_others_get_the_value(callers):
    lock, work = simul.SmartLock(), Work()
    with pytest.raises(simul.TimeoutError):
        lock.run_once(work).wait(timeout=0.001)
    work.waiting.clear()  # its only caller left
    threads = callers(lock, work)
    runs = work.runs
    with pytest.raises(simul.TimeoutError):
        lock.run_once(work).wait(timeout=0.001)
    work.finish()
    assert [thread.join() for thread in threads] == ["value"] * 5
    assert work.runs == runs


def test_one_waiters_loop_closes_and_the_others_get_the_value(callers, new_loop):
    lock, work = simul.SmartLock(), Work()
    threads = callers(lock, work)
    loop = new_loop()

    async def start():
        task = asyncio.ensure_future(lock.run_once(work))
        await until_in_loop(lambda: waiters(lock) == 6)
        return task

    task = loop.run_until_complete(start())
    task._log_destroy_pending = False
    loop.close()
    until(lambda: waiters(lock) == 5)
    work.finish()
    assert [thread.join() for thread in threads] == ["value"] * 5
    assert work.runs == 1


@pytest.mark.parametrize("end", ["asyncio.run", "loop.close"])
def test_the_leaders_loop_ends_and_the_others_get_a_value_all_the_same(callers, new_loop, end):
    """Its run ended with its loop, so one of the others runs it again."""
    lock, work = simul.SmartLock(), Work()
    loop = new_loop()

    async def start():
        task = asyncio.ensure_future(lock.run_once(work))
        await until_in_loop(lambda: work.waiting)
        return task

    task = loop.run_until_complete(start())
    threads = callers(lock, work)
    work.waiting.clear()
    runs = work.runs
    task._log_destroy_pending = False
    if end == "asyncio.run":
        task.cancel()
        for other in asyncio.all_tasks(loop):
            other.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    for other in asyncio.all_tasks(loop):
        other._log_destroy_pending = False
    loop.close()
    # All have asked again; one that is late would find the run ended, and begin another.
    until(lambda: work.runs > runs and work.waiting and waiters(lock) == 5)
    work.finish()
    assert [thread.join() for thread in threads] == ["value"] * 5
    assert work.runs == runs + 1


class OwnError(Exception):
    def __init__(self, number, *, keyword):
        super().__init__(f"{number} {keyword}")
        self.number, self.keyword = number, keyword


def test_a_failure_reaches_each_waiter_as_its_type_with_a_traceback_of_its_own(callers):
    lock, work = simul.SmartLock(), Work(error=OwnError(1, keyword="two"))
    threads = callers(lock, work)
    work.finish()
    errors = []
    for thread in threads:
        with pytest.raises(OwnError) as caught:
            thread.join()
        errors.append(caught.value)
    assert all((error.number, error.keyword) == (1, "two") for error in errors)
    assert all(any(frame.name == "__call__" for frame in traceback.extract_tb(e.__traceback__)) for e in errors)
    assert work.runs == 1


def test_a_failure_with_no_waiter_left_is_silent(run):
    lock = simul.SmartLock()
    entered, ended = [], []

    async def fail_when_cancelled():
        entered.append(1)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)
            raise OwnError(1, keyword="late")

    async def main():
        task = asyncio.create_task(lock.run_once(fail_when_cancelled))
        await until_in_loop(lambda: entered)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until_in_loop(lambda: ended)

    run(main)
    until(lambda: waiters(lock) == 0)


def test_the_work_ends_when_its_last_waiter_leaves(run):
    lock = simul.SmartLock()
    log = []

    async def work():
        log.append("began")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            log.append("ended")

    async def main():
        tasks = [asyncio.create_task(lock.run_once(work)) for _ in range(3)]
        await until_in_loop(lambda: log and waiters(lock) == 3)
        for task in tasks:
            assert log == ["began"]
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await until_in_loop(lambda: log == ["began", "ended"])

    run(main)


def test_a_reset_in_flight_frees_waiters_of_every_kind(callers):
    lock, work = simul.SmartLock(), Work()
    threads = callers(lock, work)
    lock.reset()
    for thread in threads:
        with pytest.raises(simul.CancelledError):
            thread.join()
    work.waiting.clear()
    assert waiters(lock) == 0
    again = callers(lock, work)
    work.finish()
    assert [thread.join() for thread in again] == ["value"] * 5


def test_a_hundred_waiters_do_not_grow_one_traceback(run):
    lock, work = simul.SmartLock(), Work(error=ValueError("shared"))

    async def main():
        tasks = [asyncio.create_task(lock.run_once(work)) for _ in range(100)]
        await until_in_loop(lambda: work.waiting and waiters(lock) == 100)
        work.finish()
        return await asyncio.gather(*tasks, return_exceptions=True)

    errors = run(main)
    depths = {len(traceback.extract_tb(error.__traceback__)) for error in errors}
    assert {type(error) for error in errors} == {ValueError}
    assert max(depths) <= 8, depths


def test_a_sequence_of_flights_runs_each_time_and_keeps_nothing(run):
    lock = simul.SmartLock()
    runs = []

    async def work(number):
        runs.append(number)
        return number

    async def main():
        return [await lock.run_once(work, number) for number in range(50)]

    assert run(main) == list(range(50)) == runs
    assert [lock.run_once(work, number).wait() for number in range(3)] == [0, 1, 2]
    for number in range(1000):
        lock.for_key(number).run_once(work, number).wait()
    assert waiters(lock) == 0


def test_work_that_is_an_ordinary_function_of_a_thread_waits_for_no_loop(run, in_thread):
    """A sync caller inside a loop of its thread cannot wait for work that this very loop runs."""
    lock, work = simul.SmartLock(), Work()

    async def main():
        leader = asyncio.create_task(lock.run_once(work))
        await until_in_loop(lambda: work.waiting)
        with pytest.raises(simul.NestedLoopError):
            lock.run_once(work).wait()
        with pytest.raises(simul.NestedLoopError):
            simul.run(call())
        work.finish()
        return await leader

    async def call():
        return await lock.run_once(work)

    assert run(main) == "value"
