"""Context variables go in and come out on every path, and nobody sees a stranger's."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import sys
import weakref

import pytest

import simul

variable = contextvars.ContextVar("variable", default="unset")
other = contextvars.ContextVar("other", default="unset")


async def exchange(value, *, suspend=True):
    """What was seen, and the token of what was set."""
    seen = variable.get()
    if suspend:
        await asyncio.sleep(0)
    assert variable.get() == seen
    token = variable.set(value)
    if suspend:
        await asyncio.sleep(0)
    assert variable.get() == value
    return seen, token


async def restore(token):
    await asyncio.sleep(0)
    variable.reset(token)


smart = simul.smartasync(exchange)
handled = simul.async_handler(exchange)
CALLS = {
    "smartasync": smart,
    "sync": smart.sync,
    "async_handler": handled,
    "run": lambda *args, **options: simul.run(exchange(*args, **options)),
}


@pytest.fixture(autouse=True)
def a_context_of_its_own():
    """Each test begins with nothing set, whatever a test before it left."""
    tokens = [variable.set("unset"), other.set("unset")]
    yield
    variable.reset(tokens[0])
    other.reset(tokens[1])


@pytest.mark.parametrize("suspend", [True, False])
@pytest.mark.parametrize("call", CALLS)
def test_plain_code_and_coroutine_see_what_the_other_set(call, suspend):
    variable.set("before")
    seen, token = CALLS[call]("inside", suspend=suspend)
    assert (seen, variable.get()) == ("before", "inside")
    simul.run(restore(token))
    assert variable.get() == "before"
    _, token = CALLS[call]("again", suspend=suspend)
    variable.reset(token)
    assert variable.get() == "before"


@pytest.mark.parametrize("call", ["sync", "async_handler", "run"])
def test_nested_calls_see_and_are_seen(run, call):
    async def main():
        variable.set("before")
        seen, token = CALLS[call]("inside")
        assert (seen, variable.get()) == ("before", "inside")
        await asyncio.sleep(0)
        assert variable.get() == "inside"
        simul.async_handler(restore)(token)
        assert variable.get() == "before"
        _, token = CALLS[call]("again")
        variable.reset(token)
        return variable.get()

    assert run(main) == "before"


def test_a_worker_and_what_it_calls_share_the_tasks_context(run):
    def worker():
        assert variable.get() == "task"
        token = variable.set("worker")
        seen, inner = simul.from_thread.run(exchange, "coroutine")
        assert seen == "worker"
        assert variable.get() == "coroutine"
        variable.reset(inner)
        assert variable.get() == "worker"
        assert smart("smart")[0] == "worker"
        assert variable.get() == "smart"
        other.set("of the worker")
        return token

    async def main():
        variable.set("task")
        token = await simul.to_thread(worker)
        assert (variable.get(), other.get()) == ("smart", "of the worker")
        variable.reset(token)
        assert variable.get() == "task"
        token = await simul.smartasync(worker)()
        assert variable.get() == "smart"
        variable.reset(token)
        return variable.get()

    assert run(main) == "task"


def test_a_worker_of_a_nested_call_of_a_worker(run):
    def worker(depth):
        variable.set(("down", depth))
        if depth:
            assert deeper(depth - 1) is None
            assert variable.get() == ("up", depth - 1)
        variable.set(("up", depth))

    @simul.smartasync
    async def deeper(depth):
        assert variable.get() == ("down", depth + 1)
        await simul.to_thread(worker, depth)
        assert variable.get() == ("up", depth)

    async def main():
        await simul.to_thread(worker, 5)
        return variable.get()

    assert run(main) == ("up", 5)

    def plain():
        worker(5)
        return variable.get()

    assert contextvars.copy_context().run(plain) == ("up", 5)


def test_a_hundred_siblings_never_see_each_others_values(run):
    def worker(number):
        assert variable.get() == number
        smart((number, "smart"))
        assert variable.get() == (number, "smart")
        variable.set((number, "worker"))

    async def sibling(number):
        variable.set(number)
        await asyncio.sleep(0)
        await simul.to_thread(worker, number)
        assert variable.get() == (number, "worker")
        seen, _ = handled((number, "nested"))
        assert seen == (number, "worker")
        await asyncio.sleep(0)
        return variable.get()

    async def main():
        variable.set("outer")
        values = await asyncio.gather(*[sibling(number) for number in range(100)])
        assert variable.get() == "outer"
        return values

    assert run(main) == [(number, "nested") for number in range(100)]


def test_a_task_that_the_coroutine_starts_has_a_context_of_its_own():
    async def child():
        assert variable.get() == "parent"
        variable.set("child")
        await asyncio.sleep(0)
        return variable.get()

    async def parent():
        variable.set("parent")
        assert await asyncio.create_task(child()) == "child"
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(child()) for _ in range(3)]
        assert [task.result() for task in tasks] == ["child"] * 3
        handle = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: handle.set_result(variable.set("callback")))
        await handle
        return variable.get()

    assert simul.run(parent()) == "parent"
    assert variable.get() == "parent"


def test_the_context_of_the_caller_is_given_to_what_asks_for_one():
    async def work():
        copied = contextvars.copy_context()
        assert copied.get(variable) == "mine"
        task = asyncio.current_task()
        if sys.version_info >= (3, 12):
            assert task.get_context().run(variable.get) == "mine"
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        loop.call_later(0, done.set)
        await done.wait()
        timer = loop.create_future()
        timer.add_done_callback(lambda future: seen.append(variable.get()))
        timer.set_result(None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await asyncio.to_thread(variable.get)

    seen = []
    variable.set("mine")
    assert simul.run(work()) == "mine"
    assert seen == ["mine"]


@pytest.mark.parametrize("how", ["iterator", "break", "context manager"])
def test_all_steps_of_a_generator_share_one_task_and_one_context(how):
    tasks = []

    @simul.smartasync
    async def numbers():
        token = variable.set("generator")
        tasks.append(asyncio.current_task())
        try:
            async with asyncio.timeout(60):
                for number in range(3):
                    yield number
                    tasks.append(asyncio.current_task())
        finally:
            tasks.append(asyncio.current_task())
            variable.reset(token)

    @simul.smartasync
    @contextlib.asynccontextmanager
    async def manager():
        token = variable.set("manager")
        tasks.append(asyncio.current_task())
        try:
            async with asyncio.timeout(60):
                yield "inside"
        finally:
            tasks.append(asyncio.current_task())
            variable.reset(token)

    if how == "context manager":
        with manager() as value:
            assert value == "inside"
            assert simul.run(asyncio.sleep(0, "a call in between")) == "a call in between"
    else:
        for number in numbers():
            assert simul.run(asyncio.sleep(0, "a call in between")) == "a call in between"
            if number == 1 and how == "break":
                break
    gc.collect()
    assert len(tasks) >= 2
    assert len(set(map(id, tasks))) == 1
    assert variable.get() == "unset"


def test_an_anyio_cancel_scope_works_across_the_steps():
    anyio = pytest.importorskip("anyio", reason="anyio comes with FastAPI, a test dependency")

    @simul.smartasync
    async def numbers():
        with anyio.CancelScope():
            for number in range(3):
                yield number
                await anyio.sleep(0)

    @simul.smartasync
    @contextlib.asynccontextmanager
    async def group():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 0)
            yield tasks

    assert list(numbers()) == [0, 1, 2]
    with group():
        pass


def test_no_value_is_kept_alive_by_loops_or_pooled_threads(run):
    class Value:
        pass

    def use():
        value = Value()
        variable.set(value)

        def worker():
            assert variable.get() is value
            simul.from_thread.run(exchange, value)

        async def main():
            await simul.to_thread(worker)
            handled(value)

        run(main)
        handled(value)
        smart(value, suspend=False)
        for _ in range(3):
            simul.run(asyncio.sleep(0))
        return weakref.ref(value)

    gone = contextvars.copy_context().run(use)
    gc.collect()
    assert gone() is None


@pytest.mark.skipif(sys.version_info < (3, 14), reason="threads inherit a context from 3.14 on")
def test_nothing_leaks_into_new_threads_that_inherit_a_context(child):
    child(
        """
        import contextvars
        import simul
        variable = contextvars.ContextVar("variable", default="unset")
        async def work():
            variable.set("inside")
            await asyncio.sleep(0)
            return asyncio.get_running_loop(), asyncio.current_task()
        loop, task = simul.run(work())
        assert variable.get() == "inside"
        seen = []
        def other():
            theirs, _ = simul.run(work())
            seen.append((theirs is loop, simul.is_async_context(), simul.bridge.to_thread.parent()))
        simul.set_async()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert seen == [(False, False, None)], seen
        async def main():
            def worker():
                inner = threading.Thread(target=other)
                inner.start()
                inner.join()
            await simul.to_thread(worker)
        asyncio.run(main())
        assert seen[1:] == [(False, False, None)], seen
        """,
        options=("-X", "thread_inherit_context=1"),
    )
