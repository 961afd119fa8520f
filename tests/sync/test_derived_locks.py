"""Classes that derive from a lock, an event, a condition, as people derive from asyncio's: with a name, with a log."""

from __future__ import annotations

import asyncio
import weakref

import pytest

import simul


@pytest.mark.parametrize("kind", [simul.Lock, simul.RLock, simul.Event, simul.Condition])
def test_a_class_that_derives_may_have_arguments_of_its_own(kind):
    class Named(kind):
        def __init__(self, name, *, limit):
            super().__init__()
            self.name, self.limit = name, limit

    named = Named("orders", limit=3)
    assert (named.name, named.limit) == ("orders", 3)
    assert isinstance(named, kind)
    assert weakref.ref(named)() is named


@pytest.mark.parametrize("kind", [simul.Lock, simul.RLock, simul.Event])
@pytest.mark.parametrize("derived", [False, True])
def test_arguments_that_nobody_takes_are_refused(kind, derived):
    class Plain(kind):
        pass

    with pytest.raises(TypeError, match="takes no arguments"):
        (Plain if derived else kind)("name")
    with pytest.raises(TypeError, match="takes no arguments"):
        (Plain if derived else kind)(name="name")


@pytest.mark.parametrize("kind", [simul.Lock, simul.RLock, simul.Semaphore, simul.BoundedSemaphore])
def test_with_and_async_with_call_the_acquire_and_release_of_a_class_that_derives(kind, run):
    class Logged(kind):
        def __init__(self):
            super().__init__()
            self.said = []

        def acquire(self):
            self.said.append("acquire")
            return super().acquire()

        def release(self):
            self.said.append("release")
            super().release()

    async def main():
        async with lock:
            assert lock.locked()
        assert not lock.locked()

    lock = Logged()
    run(main)
    with lock:
        assert lock.locked()
    assert not lock.locked()
    assert lock.said == ["acquire", "release"] * 2


def test_async_with_awaits_an_acquire_that_is_a_coroutine_function(run):
    class Slow(simul.Lock):
        async def acquire(self):
            await asyncio.sleep(0)
            return await super().acquire()

    async def main():
        lock = Slow()
        async with lock:
            return lock.locked()

    assert run(main)


def test_a_condition_gives_up_and_has_again_a_lock_of_a_class_that_derives(run):
    class Mine(simul.RLock):
        pass

    async def tell(condition):
        async with condition:
            condition.notify()

    async def main():
        condition = simul.Condition(Mine())
        async with condition, condition:
            telling = asyncio.create_task(tell(condition))
            assert await condition.wait()
            await asyncio.sleep(0)
            assert condition.locked()
        await telling

    run(main)
