"""SmartLock: the work's first step is taken at once, in a task that is its own from the first instruction on."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

import simul
from tests.bridge.waiting import until_in_loop
from tests.sync.test_smart_lock import Work, nothing_left, nothing_logged, waiting  # noqa: F401  (a fixture)


def test_work_that_never_waits_is_done_before_anybody_else_runs(run):
    lock, order = simul.SmartLock(), []

    async def load():
        order.append("work")
        return "value"

    async def main():
        asyncio.get_running_loop().call_soon(order.append, "loop")
        assert await lock.run_once(load) == "value"
        order.append("caller")
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)
    assert order == ["work", "caller", "loop"]
    assert waiting(lock) == 0


@pytest.mark.parametrize("waits", [False, True])
def test_the_works_task_is_its_own_from_the_beginning(run, waits):
    lock, seen = simul.SmartLock(), []

    async def load():
        seen.append(asyncio.current_task())
        if waits:
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())

    async def main():
        await lock.run_once(load)
        assert asyncio.current_task() not in seen
        assert len(set(seen)) == 1
        assert seen[0].get_name() == "SmartLock.run_once"
        return asyncio.current_task()

    assert run(main) not in seen


def test_a_timeout_of_the_works_ends_the_work_and_not_its_caller(run):
    lock = simul.SmartLock()

    async def load():
        try:
            async with asyncio.timeout(0):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            return "out of time"

    async def main():
        value = await lock.run_once(load)
        assert asyncio.current_task().cancelling() == 0
        return value

    assert run(main) == "out of time"


def test_a_cancel_of_the_caller_within_the_first_step_is_the_callers(run):
    lock, work = simul.SmartLock(), Work()

    async def load(caller):
        caller.cancel()
        return await work()

    async def main():
        leader = asyncio.create_task(call())
        other = asyncio.create_task(lock.run_once(load, None))
        await until_in_loop(lambda: leader.done() and work.waiting and waiting(lock) == 1)
        assert leader.cancelled()
        work.finish()
        return await other

    async def call():
        return await lock.run_once(load, asyncio.current_task())

    assert run(main) == "value"
    assert work.runs == 1


def test_a_reset_within_the_first_step_is_heard(run):
    lock, work = simul.SmartLock(), Work()

    async def load():
        lock.reset()
        return "nobody's"

    async def load_and_wait():
        lock.reset()
        return await work()

    async def main():
        for function in (load, load_and_wait):
            with pytest.raises(simul.CancelledError):
                await lock.run_once(function)
        await nothing_left()

    run(main)
    assert (work.ended, waiting(lock)) == (["cancelled"] * work.runs, 0)


def test_a_work_that_cancels_itself_in_its_first_step_ends_in_an_error_of_simul(run):
    lock = simul.SmartLock()

    async def load():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    async def never_waits():
        asyncio.current_task().cancel()
        raise asyncio.CancelledError

    async def main():
        for function in (load, never_waits):
            with pytest.raises(simul.CancelledError):
                await lock.run_once(function)
        assert waiting(lock) == 0
        await nothing_left()

    run(main)


def test_what_the_first_step_sets_stays_in_the_works_context(run):
    lock, variable = simul.SmartLock(), contextvars.ContextVar("variable")

    async def load():
        variable.set("work")
        await asyncio.sleep(0)
        return variable.get()

    async def main():
        variable.set("caller")
        return await lock.run_once(load), variable.get()

    assert run(main) == ("work", "caller")


@pytest.mark.parametrize("debug", [False, True])
def test_the_loop_is_as_it_was(run, debug):
    lock = simul.SmartLock()

    async def load():
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    async def main():
        event_loop = asyncio.get_running_loop()
        before = dict(vars(event_loop))
        assert await lock.run_once(load) is event_loop
        assert vars(event_loop).get("call_soon") is before.get("call_soon")
        ran = asyncio.Event()
        event_loop.call_soon(ran.set)
        await ran.wait()

    run(main, debug=debug)


def test_a_loop_with_a_task_factory_makes_the_task_itself(run):
    lock, made = simul.SmartLock(), []

    def factory(event_loop, coroutine, **words):
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=event_loop, **words)

    async def load():
        return "value"

    async def main():
        asyncio.get_running_loop().set_task_factory(factory)
        values = await asyncio.gather(*[lock.run_once(load) for _ in range(3)])
        await nothing_left()
        return values

    assert run(main) == ["value"] * 3
    assert sum(coroutine.__name__ == "carry" for coroutine in made) == 1


def test_work_within_work_begins_within_its_first_step(run):
    outer, inner = simul.SmartLock(), simul.SmartLock()
    tasks = []

    async def deep(number):
        tasks.append(asyncio.current_task())
        if number:
            return await inner.for_key(number).run_once(deep, number - 1)
        await asyncio.sleep(0)
        return "deep"

    async def main():
        assert await outer.run_once(deep, 5) == "deep"
        assert asyncio.current_task() not in tasks

    run(main)
    assert len(set(tasks)) == 6


def test_ctrl_c_in_the_first_step_reaches_the_loop_and_leaves_nothing(child):
    child("""
        import simul
        lock = simul.SmartLock()
        async def load():
            raise KeyboardInterrupt
        async def value():
            return 7
        async def main():
            await lock.run_once(load)
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            pass
        else:
            raise AssertionError("it was not raised")
        assert lock.statistics()["waiting"] == 0
        assert lock.run_once(value).wait() == 7
    """)
