"""Context variables stay what they were, on every path that a result takes."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref

from simul.testing import jobs

variable = contextvars.ContextVar("variable", default="unset")


def test_a_task_keeps_its_context_across_an_await(run):
    async def one(number):
        variable.set(number)
        await jobs.sleep(0.001 * (number % 3))
        before = variable.get()
        await jobs.ready(None)
        variable.set((number, "again"))
        await jobs.sleep(0)
        return before, variable.get()

    async def main():
        variable.set("outer")
        seen = await asyncio.gather(*[one(number) for number in range(100)])
        assert variable.get() == "outer"
        return seen

    assert run(main) == [(number, (number, "again")) for number in range(100)]


def test_a_token_taken_before_an_await_resets_after_it(run):
    async def main():
        token = variable.set("inside")
        await jobs.sleep(0.001)
        assert variable.get() == "inside"
        variable.reset(token)
        return variable.get()

    assert run(main) == "unset"


def test_a_blocking_wait_keeps_the_threads_context():
    def inside():
        variable.set("inside")
        jobs.sleep(0.001).wait()
        return variable.get()

    assert contextvars.copy_context().run(inside) == "inside"
    assert variable.get() == "unset"


def test_two_tasks_that_await_one_job_wake_in_their_own_contexts(run):
    async def main():
        job = jobs.sleep(0.001)

        async def one(name):
            variable.set(name)
            await job
            return variable.get()

        return await asyncio.gather(one("first"), one("second"))

    assert run(main) == ["first", "second"]


def test_a_tasks_own_context_is_used_for_a_job_given_to_create_task(run):
    async def main():
        context = contextvars.copy_context()
        context.run(variable.set, "given")
        task = asyncio.get_running_loop().create_task(jobs.sleep(0.001), context=context)
        seen = []
        task.add_done_callback(lambda _: seen.append(variable.get()), context=context)
        await task
        await asyncio.sleep(0)
        return seen

    assert run(main) == ["given"]


def test_no_context_is_kept_alive_by_finished_jobs(run):
    class Value:
        pass

    def use():
        value = Value()
        variable.set(value)

        async def main():
            job = jobs.sleep(0.001)
            called = []
            job.add_done_callback(called.append)
            await job
            while not called:
                await asyncio.sleep(0)

        run(main)
        jobs.sleep(0.001).wait()
        return weakref.ref(value)

    gone = contextvars.copy_context().run(use)
    gc.collect()
    assert gone() is None
