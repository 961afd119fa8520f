"""PriorityQueue, whose comparisons run any code: it fails, it takes long, it uses this very queue."""

from __future__ import annotations

import asyncio
import random
import sys
import threading

import pytest

import simul


class Item:
    """Compares by its number, after whatever `meanwhile` does."""

    def __init__(self, number, meanwhile=None):
        self.number, self.meanwhile = number, meanwhile

    def __lt__(self, other):
        for each in (self, other):
            if each.meanwhile:
                each.meanwhile()
        return self.number < other.number


def numbers(queue):
    return [queue.get_nowait().number for _ in range(queue.qsize())]


def fail():
    raise ZeroDivisionError


@pytest.mark.parametrize("seed", range(20))
def test_it_sorts(seed):
    chance = random.Random(seed)
    queue, model = simul.PriorityQueue(), []
    for _ in range(300):
        if model and chance.random() < 0.4:
            assert queue.get_nowait() == model.pop(0)
        else:
            item = chance.randrange(50)
            queue.put_nowait(item)
            model = sorted([*model, item])
    assert [queue.get_nowait() for _ in model] == model


def test_a_put_that_cannot_be_compared_leaves_the_queue_whole(run):
    queue = simul.PriorityQueue(maxsize=6)
    for number in (5, 1, 4, 2, 3):
        queue.put_nowait(Item(number))
    bad = Item(0, fail)
    with pytest.raises(ZeroDivisionError):
        queue.put_nowait(bad)
    with pytest.raises(ZeroDivisionError):
        queue.put(bad).wait()

    async def main():
        with pytest.raises(ZeroDivisionError):
            await queue.put(bad)

    run(main)
    assert sys.getrefcount(bad) == 2
    assert queue.statistics()["unfinished"] == queue.qsize() == 5
    assert numbers(queue) == [1, 2, 3, 4, 5]


def test_a_get_that_cannot_compare_takes_nothing():
    queue = simul.PriorityQueue()
    items = [Item(number) for number in range(8)]
    for item in items:
        queue.put_nowait(item)
    items[2].meanwhile = fail
    for get in (queue.get_nowait, lambda: queue.get().wait()):
        with pytest.raises(ZeroDivisionError):
            get()
    assert queue.qsize() == 8
    items[2].meanwhile = None
    assert numbers(queue) == list(range(8))


def test_a_put_that_waited_for_room_and_cannot_be_compared_passes_the_room_on(run):
    async def main():
        queue = simul.PriorityQueue(maxsize=2)
        queue.put_nowait(Item(1))
        queue.put_nowait(Item(2))
        bad = asyncio.create_task(queue.put(Item(0, fail)))
        good = asyncio.create_task(queue.put(Item(3)))
        await asyncio.sleep(0)
        assert queue.get_nowait().number == 1
        with pytest.raises(ZeroDivisionError):
            await bad
        await good
        assert numbers(queue) == [2, 3]

    run(main)


def test_a_comparison_may_use_the_queue_now_and_then():
    queue = simul.PriorityQueue()
    inner = [Item(number) for number in (7, 8)]

    def put_another():
        if inner:
            queue.put_nowait(inner.pop())

    for number in (5, 3):
        queue.put_nowait(Item(number))
    queue.put_nowait(Item(1, put_another))
    assert numbers(queue) == [1, 3, 5, 7, 8]


def test_a_comparison_that_changes_the_queue_each_time_is_an_error():
    queue = simul.PriorityQueue()
    for number in (5, 3):
        queue.put_nowait(Item(number))

    def turn_over():
        bad.meanwhile = None
        queue.put_nowait(Item(9))
        bad.meanwhile = turn_over

    bad = Item(1, turn_over)
    with pytest.raises(RuntimeError, match="without using it"):
        queue.put_nowait(bad)
    assert numbers(queue)[:2] == [3, 5]


def test_many_threads_sort_together(in_thread):
    queue, got = simul.PriorityQueue(), []
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    start = threading.Barrier(6)

    def put(first):
        start.wait()
        for number in range(first, first + 100):
            queue.put_nowait(Item(number))

    def get():
        start.wait()
        got.extend(queue.get().wait().number for _ in range(100))

    try:
        for thread in [in_thread(put, 1000 * number) for number in range(4)] + [in_thread(get) for _ in range(2)]:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    rest = numbers(queue)
    assert rest == sorted(rest)
    assert sorted(got + rest) == [first + number for first in range(0, 4000, 1000) for number in range(100)]
