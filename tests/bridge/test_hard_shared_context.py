"""Tasks that share one Context, while functions of theirs are in it on other threads."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import weakref

import pytest

import simul
from simul import _simul
from tests.job.far_end import PATIENCE_SECONDS

variable: contextvars.ContextVar[object] = contextvars.ContextVar("variable", default="unset")
other: contextvars.ContextVar[object] = contextvars.ContextVar("other", default="unset")


def task_in(context, coroutine):
    return asyncio.get_running_loop().create_task(coroutine, context=context)


def test_a_task_takes_its_steps_while_a_function_is_in_the_context_that_it_shares(run):
    inside, leave = threading.Event(), threading.Event()

    def function():
        seen = variable.get()
        token = variable.set("worker")
        inside.set()
        assert leave.wait(PATIENCE_SECONDS)
        return seen, variable.get(), token

    async def calls():
        seen, after, token = await simul.to_thread(function)
        other.reset(before)
        return seen, after, token

    async def steps():
        await asyncio.to_thread(inside.wait)
        seen = variable.get()
        variable.set("sibling")
        for _ in range(10):
            await asyncio.sleep(0)
        leave.set()
        return seen

    async def main():
        nonlocal before
        shared = contextvars.Context()
        shared.run(variable.set, "before")
        before = shared.run(other.set, "other")
        caller, sibling = task_in(shared, calls()), task_in(shared, steps())
        assert await sibling == "worker"
        seen, after, token = await caller
        assert (seen, after) == ("before", "sibling")
        shared.run(variable.reset, token)
        assert variable.get() == "unset"
        return shared[variable], other in shared

    before = None
    assert run(main) == ("before", False)


def test_two_tasks_in_one_context_are_both_in_functions_that_call_back_at_once(run):
    both = threading.Barrier(2)

    async def there(name):
        seen = other.get()
        token = other.set(name)
        await asyncio.sleep(0)
        return seen, token

    def function(name):
        both.wait(PATIENCE_SECONDS)
        token = variable.set(name)
        simul.from_thread.run(there, name)
        both.wait(PATIENCE_SECONDS)
        simul.from_thread.run(there, name + " again")
        both.wait(PATIENCE_SECONDS)
        return token

    async def main():
        shared = contextvars.Context()
        tokens = await asyncio.gather(*(task_in(shared, simul.to_thread(function, name)) for name in ("one", "two")))
        first = next(token for token in tokens if token.old_value is contextvars.Token.MISSING)
        shared.run(variable.reset, first)
        return variable in shared, shared[other] in {"one again", "two again"}

    assert run(main) == (False, True)


def test_a_context_can_be_entered_by_anybody_while_a_function_is_in_it(run):
    inside, leave = threading.Event(), threading.Event()

    def function():
        inside.set()
        assert leave.wait(PATIENCE_SECONDS)
        return variable.get()

    async def main():
        shared = contextvars.Context()
        task = task_in(shared, simul.to_thread(function))
        await asyncio.to_thread(inside.wait)
        shared.run(variable.set, "from outside")
        assert shared.copy()[variable] == "from outside"
        leave.set()
        return await task

    assert run(main) == "from outside"


def test_what_stays_behind_in_the_context_of_a_call_back_does_not_disturb_the_function(run):
    """A task that the coroutine made in its own context outlives it."""
    go_on = threading.Event()

    async def main():
        shared = contextvars.Context()
        done = asyncio.Event()

        async def linger():
            while not go_on.is_set():
                await asyncio.sleep(0)
            variable.set("lingered")
            done.set()

        async def there():
            task_in(shared, linger())

        def function():
            simul.from_thread.run(there)
            variable.set("function")
            go_on.set()
            simul.from_thread.run(done.wait)
            return variable.get()

        return await task_in(shared, simul.to_thread(function))

    assert run(main) == "lingered"


def test_many_tasks_of_one_context_and_their_functions_all_end(run):
    async def one(number):
        for turn in range(20):
            token = await simul.to_thread(variable.set, (number, turn))
            await asyncio.sleep(0)
            await simul.to_thread(variable.reset, token)
            await asyncio.sleep(0)
        return number

    async def main():
        shared = contextvars.Context()
        return await asyncio.gather(*(task_in(shared, one(number)) for number in range(30)))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        assert run(main) == list(range(30))
    finally:
        sys.setswitchinterval(before)


def test_a_function_that_leaves_a_context_entered_harms_only_that_one(run):
    """As extensions may, that enter a Context in C and never leave it."""
    ctypes = pytest.importorskip("ctypes")
    enter = ctypes.pythonapi.PyContext_Enter
    enter.argtypes, enter.restype = [ctypes.py_object], ctypes.c_int

    def function(forgotten):
        variable.set("function")
        assert enter(forgotten) == 0
        variable.set("forgotten")
        return threading.current_thread()

    async def main():
        forgotten = contextvars.Context()
        first = await simul.to_thread(function, forgotten)
        assert (variable.get(), forgotten[variable]) == ("function", "forgotten")
        second, seen = await simul.to_thread(lambda: (threading.current_thread(), variable.get()))
        return first is second, seen

    assert run(main) == (True, "function")


def test_no_context_is_kept_by_visits_however_they_end(run):
    class Value:
        pass

    def nested():
        return contextvars.copy_context().run(simul.from_thread.run, asyncio.sleep, 0)

    def fail():
        raise ValueError

    async def inner(value):
        variable.set(value)
        await simul.to_thread(nested)
        with pytest.raises(ValueError):
            await simul.to_thread(fail)
        await simul.to_thread(variable.get, abandon_on_cancel=True)
        await simul.to_thread(simul.from_thread.run, asyncio.sleep, 0)

    async def main():
        value = Value()
        context = contextvars.copy_context()
        references = sys.getrefcount(context)
        await task_in(context, inner(value))
        await asyncio.sleep(0)
        gc.collect()
        assert sys.getrefcount(context) == references
        ref = weakref.ref(value)
        del value, context
        await asyncio.sleep(0)
        gc.collect()
        return ref()

    assert run(main) is None


def test_variables_of_the_worker_are_read_afresh_in_each_context(run):
    """The interpreter remembers per thread what it has read last: one worker goes from context to context."""

    async def main():
        seen = []
        for number in range(50):
            context = contextvars.Context()
            context.run(variable.set, number)
            seen.append(await task_in(context, simul.to_thread(variable.get)))
            seen.append(await task_in(contextvars.Context(), simul.to_thread(variable.get)))
        return seen

    assert run(main) == [value for number in range(50) for value in (number, "unset")]


def test_this_interpreter_lets_functions_be_in_their_tasks_own_context():
    assert _simul._work_in_copies(False)


@pytest.fixture
def copies():
    """As on an interpreter of another make."""
    _simul._work_in_copies(True)
    yield
    _simul._work_in_copies(False)


@pytest.mark.usefixtures("copies")
def test_where_it_does_not_copies_go_there_and_back(run):
    inside, leave = threading.Event(), threading.Event()

    async def there():
        seen = variable.get()
        variable.set("loop")
        return seen

    def function():
        variable.set("worker")
        inside.set()
        assert leave.wait(PATIENCE_SECONDS)
        return simul.from_thread.run(there), variable.get()

    async def steps():
        await asyncio.to_thread(inside.wait)
        leave.set()

    async def main():
        shared = contextvars.Context()
        caller, sibling = task_in(shared, simul.to_thread(function)), task_in(shared, steps())
        await sibling
        return await caller, shared[variable]

    assert run(main) == (("worker", "loop"), "loop")
