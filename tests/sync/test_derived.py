"""Classes that derive from the queues and semaphores, as they derive from asyncio's."""

from __future__ import annotations

import asyncio
import math

import pytest

import simul

QUEUES = [simul.Queue, simul.LifoQueue, simul.PriorityQueue]
SEMAPHORES = [simul.Semaphore, simul.BoundedSemaphore]


@pytest.mark.parametrize("base", QUEUES)
def test_a_queue_with_arguments_of_its_own_hands_maxsize_on(base, run):
    class Named(base):
        def __init__(self, name, *, maxsize=0):
            super().__init__(maxsize=maxsize)
            self.name = name

        async def get(self):
            return self.name, await super().get()

    async def main():
        queue = Named("jobs", maxsize=2)
        await queue.put(1)
        queue.put_nowait(2)
        with pytest.raises(asyncio.QueueFull):
            queue.put_nowait(3)
        first = 2 if base is simul.LifoQueue else 1
        assert await queue.get() == ("jobs", first)
        assert queue.maxsize == queue.statistics()["maxsize"] == 2

    run(main)
    assert Named("jobs").maxsize == 0


@pytest.mark.parametrize("base", QUEUES)
def test_a_queue_that_never_calls_init_is_without_limit(base):
    class Silent(base):
        def __init__(self, anything):
            self.anything = anything

    queue = Silent("said")
    for number in range(100):
        queue.put_nowait(number)
    assert queue.qsize() == 100
    assert not queue.full()


@pytest.mark.parametrize("base", QUEUES)
def test_a_second_init_is_refused_and_changes_nothing(base):
    queue = base(1)
    queue.put_nowait("kept")
    with pytest.raises(RuntimeError, match="made already"):
        queue.__init__(5)
    assert queue.full()
    assert queue.get_nowait() == "kept"


@pytest.mark.parametrize("arguments", [("x",), (1, 2), ([],)])
def test_arguments_are_still_judged(arguments):
    for base in [*QUEUES, *SEMAPHORES]:
        with pytest.raises(TypeError):
            base(*arguments)
        with pytest.raises(TypeError):
            base(unknown=1)


@pytest.mark.parametrize("hook", ["_init", "_put", "_get", "_qsize"])
def test_the_hooks_of_asyncios_queues_are_refused_since_nothing_would_call_them(hook):
    with pytest.raises(TypeError, match=rf"Unique\.{hook}\(\) would never be called"):
        type("Unique", (simul.PriorityQueue,), {hook: lambda self, *_: None})


def test_a_mixin_hears_of_a_class_that_derives_from_both():
    heard = []

    class Mixin:
        def __init_subclass__(cls, **options):
            heard.append((cls.__name__, options))

    class Both(simul.Queue, Mixin, word=1):
        pass

    assert heard == [("Both", {"word": 1})]
    assert Both(3).maxsize == 3


@pytest.mark.parametrize("base", SEMAPHORES)
def test_a_semaphore_with_arguments_of_its_own_hands_its_value_on(base, run):
    class Named(base):
        def __init__(self, name, permits):
            super().__init__(permits)
            self.name = name

    async def main():
        semaphore = Named("doors", 2)
        async with semaphore, semaphore:
            assert semaphore.locked()
        assert semaphore.statistics()["value"] == 2
        with pytest.raises(RuntimeError, match="made already"):
            semaphore.__init__("doors", 5)
        with pytest.raises(ValueError, match=">= 0"):
            Named("none", -1)

    run(main)


@pytest.mark.parametrize("base", QUEUES)
@pytest.mark.parametrize(("maxsize", "room"), [(1.3, 2), (2.0, 2), (math.inf, None), (-0.5, None), (2.0**70, None)])
def test_any_number_is_a_maxsize_as_it_is_asyncios(base, maxsize, room):
    queue = base(maxsize)
    assert queue.maxsize == maxsize
    for number in range(room or 50):
        queue.put_nowait(number)
    assert queue.full() is (room is not None)


def test_what_is_no_number_is_no_maxsize():
    with pytest.raises(ValueError, match="NaN"):
        simul.Queue(math.nan)
    with pytest.raises(TypeError):
        simul.Queue("many")
