"""Deep and wide mixtures of sync and async: nothing starves, nothing waits for what can never come."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

import simul
import simul.testing

from .waiting import until_in_loop

DEPTH = 60


def os_threads():
    return len(os.listdir("/proc/self/task"))


def test_sixty_four_workers_call_back_through_a_limiter_of_four(run):
    limiter, most = simul.CapacityLimiter(4), []

    async def handler(number):
        most.append(limiter.borrowed_tokens)
        return await simul.to_thread(lambda: number * 2, limiter=limiter)

    def worker(number):
        return simul.from_thread.run(handler, number)

    async def main():
        before = os_threads()
        values = await asyncio.gather(*[simul.to_thread(worker, number, limiter=limiter) for number in range(64)])
        assert os_threads() <= before + 4 + 66
        return values

    assert run(main) == [number * 2 for number in range(64)]
    assert limiter.borrowed_tokens == 0
    assert len(most) == 64


def test_sync_and_async_alternate_to_a_depth_of_sixty_through_workers(run):
    limiter = simul.CapacityLimiter(2)

    def sync(depth):
        return asynchronous(depth)

    @simul.smartasync
    async def asynchronous(depth):
        if depth == 0:
            return 0
        return await simul.to_thread(sync, depth - 1, limiter=limiter) + 1

    async def main():
        before = os_threads()
        value = await asynchronous(DEPTH)
        assert os_threads() <= before + DEPTH + 8
        return value

    assert run(main) == DEPTH
    assert asynchronous(DEPTH) == DEPTH
    assert limiter.borrowed_tokens == 0


def test_sync_and_async_alternate_to_a_depth_of_sixty_on_one_thread(run):
    @simul.async_handler
    async def handler(depth):
        await asyncio.sleep(0)
        return 0 if depth == 0 else handler(depth - 1) + 1

    async def main():
        return handler(DEPTH)

    assert run(main) == DEPTH
    assert run(main) == DEPTH
    assert handler(DEPTH) == DEPTH


def test_siblings_that_nest_return_each_when_its_own_work_ends(run):
    log = []

    @simul.async_handler
    async def handler(name, turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        log.append(("ended", name))

    async def sibling(name, turns):
        await asyncio.sleep(0)
        handler(name, turns)
        log.append(("returned", name))

    async def main():
        await asyncio.gather(*[sibling(*one) for one in (("long", 80), ("short", 10), ("middle", 20))])

    run(main)
    assert len(log) == 6
    assert [first[1] for first in log[::2]] == [second[1] for second in log[1::2]]


def test_siblings_in_workers_end_in_the_order_of_their_work(run):
    """Each waits for the next one to have returned: only if none holds up another does this end at all."""
    returned = [threading.Event() for _ in range(4)]
    returned[3].set()

    @simul.smartasync
    async def handler(number):
        while not returned[number + 1].is_set():
            await asyncio.sleep(0)
        return number

    def view(number):
        value = handler(number)
        returned[number].set()
        return value

    async def main():
        return await asyncio.gather(*[simul.to_thread(view, number) for number in range(3)])

    assert run(main) == [0, 1, 2]


async def held_by_a_task(loop):
    """A task of the loop that waits for a future, and both."""
    future = loop.create_future()

    async def wait():
        return await future

    return future, loop.create_task(wait())


@pytest.mark.parametrize("depth", [1, 3])
def test_what_only_the_blocked_loop_can_finish_is_refused_at_once(run, depth):
    def nested(make, level=depth):
        async def step():
            await asyncio.sleep(0)
            if level > 1:
                return nested(make, level - 1)
            return await make()

        return simul.run(step())

    async def in_a_child(awaitable):
        async def child():
            return await awaitable

        return await asyncio.create_task(child())

    async def main():
        loop = asyncio.get_running_loop()
        future, task = await held_by_a_task(loop)
        cases = {
            "future": lambda: future,
            "task": lambda: task,
            "shield": lambda: asyncio.shield(future, loop=loop) if False else shielded,
            "child of the nested call": lambda: in_a_child(future),
            "gather": lambda: gathered,
        }
        shielded, gathered = asyncio.shield(future), asyncio.gather(task, future)
        for name, make in cases.items():

            async def wait(make=make):
                return await make()

            with pytest.raises(simul.NestedLoopError) as caught:
                nested(wait)
            assert isinstance(caught.value, simul.DeadlockError), name
            assert not task.done(), name
        future.set_result("after all")
        assert await task == await shielded == "after all"
        await gathered
        # What is done can be had from anywhere.
        assert nested(lambda: finished(task)) == "after all"

    async def finished(awaitable):
        return awaitable.result()

    run(main)


def test_a_lock_that_a_task_of_the_blocked_loop_holds_is_refused_at_once(run, in_thread):
    lock = simul.Lock()

    async def nested():
        async with lock:
            raise AssertionError("it was given a lock that is held")

    async def main():
        async with lock:
            with pytest.raises(simul.DeadlockError):
                simul.run(nested())
            with pytest.raises(simul.DeadlockError), lock:
                pass
        # Another thread holds it, and a task of ours stands ahead in the line: that can never end either.
        held, let_go = threading.Event(), threading.Event()

        def hold():
            with lock:
                held.set()
                let_go.wait()

        thread = in_thread(hold)
        held.wait()
        first = asyncio.create_task(lock.acquire())
        await until_in_loop(lambda: lock.statistics()["waiting"] == 1)
        with pytest.raises(simul.DeadlockError):
            lock.acquire().wait()
        assert lock.statistics()["waiting"] == 1
        let_go.set()
        await first
        lock.release()
        thread.join()
        assert not lock.locked()

    run(main)


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_a_nested_call_waits_for_a_job_that_needs_no_loop(run, far_end):
    async def main():
        job = simul.testing.jobs.tcp_read(*far_end.address)
        task = asyncio.create_task(job)
        await asyncio.sleep(0)
        await asyncio.to_thread(far_end.wait_accepted, 1)
        far_end.answer(b"answer")

        async def read():
            return await job

        assert simul.run(read()) == b"answer"
        return await task

    assert run(main) == b"answer"


def test_a_nested_call_uses_the_loop_it_runs_on_and_leaves_the_outer_one_as_it_was(run):
    async def main():
        outer, task = asyncio.get_running_loop(), asyncio.current_task()
        context_timeouts = []

        async def inner():
            loop, mine = asyncio.get_running_loop(), asyncio.current_task()
            assert loop is not outer
            assert mine is not task
            assert mine.get_loop() is loop
            assert asyncio.all_tasks() == {mine}
            async with asyncio.timeout(60):
                async with asyncio.TaskGroup() as group:
                    children = [group.create_task(asyncio.sleep(0, number)) for number in range(3)]
            context_timeouts.append([child.result() for child in children])
            return loop

        async with asyncio.timeout(60):
            first = simul.run(inner())
            assert asyncio.get_running_loop() is outer
            assert asyncio.current_task() is task
            await asyncio.sleep(0)
            assert simul.run(inner()) is first, "a side loop is used again"
            assert asyncio.current_task() is task
        assert context_timeouts == [[0, 1, 2]] * 2

        with pytest.raises(ZeroDivisionError):
            simul.run(failing())
        assert asyncio.current_task() is task
        assert not outer.is_closed()

    async def failing():
        await asyncio.sleep(0)
        return 1 // 0

    run(main)
    run(main, debug=True)


def test_nesting_from_a_callback_that_is_no_task(run):
    async def work():
        await asyncio.sleep(0)
        return "worked"

    async def main():
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        loop.call_soon(lambda: done.set_result(simul.run(work())))
        return await done

    assert run(main) == "worked"
