"""Done callbacks: where they run, in what order, and what their errors do."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading

import pytest

import simul
from simul.testing import jobs


class Calls:
    """A callback that keeps what it was called with, in which thread, and lets the test wait for it."""

    def __init__(self):
        self.seen = []
        self._called = threading.Semaphore(0)

    def __call__(self, job):
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        self.seen.append((job, threading.current_thread(), loop))
        self._called.release()

    def wait(self, count=1):
        for _ in range(count):
            assert self._called.acquire(timeout=60), f"called {len(self.seen)} times"


def test_a_callback_added_outside_a_loop_runs_on_the_dispatcher_thread():
    calls = Calls()
    job = jobs.sleep(0.001, 1)
    job.add_done_callback(calls)
    calls.wait()
    [(seen, thread, loop)] = calls.seen
    assert seen is job
    assert thread is not threading.current_thread()
    assert loop is None


def test_a_callback_added_on_a_loop_runs_on_that_loop(run):
    async def main():
        calls = Calls()
        job = jobs.sleep(0.001, 1)
        job.add_done_callback(calls)
        await job
        while not calls.seen:
            await asyncio.sleep(0)
        [(seen, thread, loop)] = calls.seen
        assert seen is job
        assert thread is threading.current_thread()
        assert loop is asyncio.get_running_loop()

    run(main)


def test_a_callback_on_a_done_job_is_called_soon_and_not_at_once(run):
    async def main():
        job = jobs.ready(1)
        await job
        calls = Calls()
        job.add_done_callback(calls)
        assert calls.seen == []
        while not calls.seen:
            await asyncio.sleep(0)
        assert calls.seen[0][2] is asyncio.get_running_loop()

    run(main)


def test_a_callback_on_a_done_job_outside_a_loop_is_called_too():
    job = jobs.ready(1)
    job.wait()
    calls = Calls()
    job.add_done_callback(calls)
    calls.wait()
    assert calls.seen[0][0] is job


def test_callbacks_are_called_in_the_order_they_were_added(run):
    async def main():
        order = []
        job = jobs.sleep(0.001)
        for number in range(100):
            job.add_done_callback(lambda _, number=number: order.append(number))
        await job
        while len(order) < 100:
            await asyncio.sleep(0)
        return order

    assert run(main) == list(range(100))


def test_the_same_callback_added_twice_is_called_twice():
    calls = Calls()
    job = jobs.sleep(0.001)
    job.add_done_callback(calls)
    job.add_done_callback(calls)
    calls.wait(2)
    assert len(calls.seen) == 2


@pytest.mark.parametrize("make", [lambda: jobs.fail("Invalid", "bad"), lambda: jobs.panic("burst")])
def test_a_failed_job_calls_its_callbacks(make):
    calls = Calls()
    job = make()
    job.add_done_callback(calls)
    calls.wait()
    assert isinstance(job.exception(), simul.SimulError)


def test_a_cancelled_job_calls_its_callbacks():
    calls = Calls()
    job = jobs.sleep(60)
    job.add_done_callback(calls)
    job.cancel()
    calls.wait()
    assert calls.seen[0][0].cancelled()


def test_an_error_in_a_callback_goes_to_the_loops_handler_and_spares_the_others(run):
    async def main():
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
        calls = Calls()
        job = jobs.sleep(0.001, "value")
        job.add_done_callback(lambda _: 1 / 0)
        job.add_done_callback(calls)
        assert await job == "value"
        while not calls.seen or not reported:
            await asyncio.sleep(0)
        [context] = reported
        assert isinstance(context["exception"], ZeroDivisionError)

    run(main)


def test_an_error_in_a_callback_on_the_dispatcher_is_logged_and_spares_the_others(caplog):
    calls = Calls()
    job = jobs.sleep(0.001, "value")
    job.add_done_callback(lambda _: 1 / 0)
    job.add_done_callback(calls)
    calls.wait()
    later = Calls()
    other = jobs.ready(1)
    other.add_done_callback(later)
    later.wait()
    [record] = caplog.records
    assert record.name == "simul"
    assert record.exc_info[0] is ZeroDivisionError


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_the_dispatcher_survives_whatever_a_callback_raises(error, caplog):
    def leave(_):
        raise error

    job = jobs.sleep(0.001)
    job.add_done_callback(leave)
    calls = Calls()
    job.add_done_callback(calls)
    calls.wait()
    assert job.wait() is None
    assert [record.exc_info[0] for record in caplog.records] == [error]


def test_context_variables_are_those_of_where_the_callback_was_added(run):
    variable = contextvars.ContextVar("variable", default="unset")

    async def main():
        seen = []
        job = jobs.sleep(0.001)
        variable.set("first")
        job.add_done_callback(lambda _: seen.append(variable.get()))
        variable.set("second")
        job.add_done_callback(lambda _: seen.append(variable.get()))
        variable.set("third")
        await job
        while len(seen) < 2:
            await asyncio.sleep(0)
        return seen

    assert run(main) == ["first", "second"]
    variable.set("outside")
    done = threading.Event()
    seen = []
    job = jobs.sleep(0.001)
    job.add_done_callback(lambda _: (seen.append(variable.get()), done.set()))
    assert done.wait(60)
    assert seen == ["outside"]


def test_a_callback_may_cancel_its_own_and_another_job(far_end):
    other = jobs.tcp_read(*far_end.address)
    far_end.wait_accepted(1)
    said = []
    done = threading.Event()

    def callback(job):
        said.append((job.cancel(), other.cancel()))
        done.set()

    job = jobs.sleep(0.001)
    job.add_done_callback(callback)
    assert done.wait(60)
    assert said == [(False, True)]
    far_end.wait_closed(1)


def test_a_callback_may_add_callbacks_to_its_own_job_a_thousand_deep(run):
    async def main():
        depth = []
        job = jobs.sleep(0.001)

        def again(job):
            depth.append(1)
            if len(depth) < 2000:
                job.add_done_callback(again)

        job.add_done_callback(again)
        await job
        while len(depth) < 2000:
            await asyncio.sleep(0)

    run(main)


def test_a_callback_on_the_dispatcher_may_add_callbacks_a_thousand_deep():
    depth, done = [], threading.Event()

    def again(job):
        depth.append(1)
        if len(depth) < 2000:
            job.add_done_callback(again)
        else:
            done.set()

    job = jobs.sleep(0.001)
    job.add_done_callback(again)
    assert done.wait(60)


def test_cancelling_inside_a_callback_of_a_cancelled_job_does_not_recurse_without_end(run):
    async def main():
        made = [jobs.sleep(60) for _ in range(2000)]
        ended = []

        def chain(number):
            def callback(job):
                ended.append(number)
                if number + 1 < len(made):
                    made[number + 1].cancel()

            return callback

        for number, job in enumerate(made):
            job.add_done_callback(chain(number))
        made[0].cancel()
        while len(ended) < len(made):
            await asyncio.sleep(0)
        return ended

    assert run(main) == list(range(2000))


def test_the_callbacks_of_a_loop_that_closed_are_not_called(new_loop):
    calls = Calls()
    gate, (job,) = jobs.gated(1)
    loop = new_loop()
    loop.run_until_complete(_add(job, calls))
    loop.close()
    del loop
    gc.collect()
    gate.cancel()
    assert job.wait() == 0
    assert calls.seen == []


async def _add(job, callback):
    job.add_done_callback(callback)


def test_a_collection_inside_a_callback_frees_nothing_that_lives(run):
    async def main():
        made = jobs.storm(300, 0.001)
        collected = []

        def collect(_):
            gc.collect(0)
            collected.append(1)

        for job in made[::10]:
            job.add_done_callback(collect)
        await asyncio.gather(*made)
        while len(collected) < 30:
            await asyncio.sleep(0)

    gc.set_threshold(5)
    try:
        run(main)
    finally:
        gc.set_threshold(700, 10, 10)


def test_a_callback_that_is_not_callable_is_refused():
    job = jobs.ready(1)
    with pytest.raises(TypeError):
        job.add_done_callback(42)
    job.wait()
