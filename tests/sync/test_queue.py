"""Queue, LifoQueue, PriorityQueue: what is put comes out once, whoever asks and from wherever."""

from __future__ import annotations

import asyncio
import gc
import pickle
import queue as stdlib
import sys
import warnings
import weakref

import pytest

import simul
from tests.bridge.waiting import until

KINDS = [simul.Queue, simul.LifoQueue, simul.PriorityQueue]
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


def drained(queue):
    return [queue.get_nowait() for _ in range(queue.qsize())]


def test_each_kind_has_its_order():
    for kind, order in zip(KINDS, ([3, 1, 2], [2, 1, 3], [1, 2, 3]), strict=True):
        queue = kind()
        for item in (3, 1, 2):
            queue.put_nowait(item)
        assert drained(queue) == order
    assert issubclass(simul.LifoQueue, simul.Queue)
    assert issubclass(simul.PriorityQueue, simul.Queue)


def test_what_is_refused_is_refused_in_both_libraries_words(kind):
    queue = kind(maxsize=1)
    for error in (asyncio.QueueEmpty, stdlib.Empty, simul.QueueEmpty, simul.SimulError):
        with pytest.raises(error):
            queue.get_nowait()
    queue.put_nowait(1)
    assert queue.full()
    for error in (asyncio.QueueFull, stdlib.Full, simul.QueueFull):
        with pytest.raises(error):
            queue.put_nowait(2)
    queue.shutdown()
    with pytest.raises(simul.QueueShutDown) as caught:
        queue.put_nowait(2)
    if sys.version_info >= (3, 13):
        assert isinstance(caught.value, asyncio.QueueShutDown)
        assert isinstance(caught.value, stdlib.ShutDown)
    with pytest.raises(ValueError, match="too many times"):
        [queue.task_done() for _ in range(2)]


def test_threads_and_loops_lose_and_double_nothing(kind, run, in_thread):
    queue, done = kind(maxsize=3), []
    count, producers = 150, 4

    async def produce(first):
        for number in range(first, first + count):
            await queue.put(number)

    def produce_in_thread(first):
        for number in range(first, first + count):
            queue.put(number).wait()

    async def consume():
        async def one():
            try:
                while True:
                    done.append(await queue.get())
                    queue.task_done()
            except simul.QueueShutDown:
                pass

        await asyncio.gather(*(one() for _ in range(3)))

    def consume_in_thread():
        try:
            while True:
                done.append(queue.get().wait())
                queue.task_done()
        except simul.QueueShutDown:
            pass

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        consumers = [in_thread(run, consume), in_thread(consume_in_thread), in_thread(run, consume)]
        made = [
            in_thread(run, produce, 0),
            in_thread(produce_in_thread, count),
            in_thread(run, produce, 2 * count),
            in_thread(produce_in_thread, 3 * count),
        ]
        for thread in made:
            thread.join()
        queue.join().wait()
        queue.shutdown()
        for thread in consumers:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert sorted(done) == list(range(producers * count))
    assert queue.statistics()["unfinished"] == 0


def test_cancels_on_both_sides_lose_and_double_nothing(kind, run, in_thread):
    queue = kind(maxsize=2)
    put, got = [], []

    def in_another_thread():
        for number in range(10_000, 10_200):
            queue.put(number).wait()
            put.append(number)

    async def main():
        async def putter(number):
            await queue.put(number)
            put.append(number)

        async def getter():
            got.append(await queue.get())

        thread = in_thread(in_another_thread)
        for number in range(200):
            tasks = [asyncio.create_task(putter(number)), asyncio.create_task(getter()), asyncio.create_task(getter())]
            for _ in range(number % 3):
                await asyncio.sleep(0)
            tasks[number % 3].cancel()
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        while thread.is_alive() or not queue.empty():
            try:
                got.append(queue.get_nowait())
            except simul.QueueEmpty:
                await asyncio.sleep(0)
        thread.join()

    run(main)
    assert sorted(got) == sorted(put)
    assert queue.statistics()["waiting_to_get"] == queue.statistics()["waiting_to_put"] == 0


def test_getters_and_putters_are_served_in_the_order_of_coming(run, in_thread):
    queue, order = simul.Queue(maxsize=1), []

    def plain(name):
        order.append((name, queue.get().wait()))

    async def task(name):
        order.append((name, await queue.get()))

    def waiting(side):
        return queue.statistics()[side]

    threads = []
    for number, (function, *arguments) in enumerate([(plain, "a"), (run, task, "b"), (plain, "c")]):
        threads.append(in_thread(function, *arguments))
        until(lambda expected=number + 1: waiting("waiting_to_get") == expected)
    for number in range(3):
        queue.put_nowait(number)
        threads[number].join()
    assert order == [("a", 0), ("b", 1), ("c", 2)]

    queue.put_nowait("first")
    for number, item in enumerate("xyz"):
        threads.append(in_thread(lambda item=item: queue.put(item).wait()))
        until(lambda expected=number + 1: waiting("waiting_to_put") == expected)
    assert [queue.get().wait() for _ in range(4)] == ["first", "x", "y", "z"]


def test_an_item_that_was_handed_over_and_not_read_goes_back_to_the_front(kind, run):
    async def main():
        queue = kind()
        first, second = (asyncio.create_task(queue.get()) for _ in range(2))
        await asyncio.sleep(0)
        queue.put_nowait(1)
        queue.put_nowait(2)
        queue.put_nowait(3)
        second.cancel()
        first.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        assert queue.qsize() == 3
        assert drained(queue) == [1, 2, 3]

        heir = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        later = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.put_nowait(4)
        heir.cancel()
        assert await later == 4

    run(main)


def test_a_put_that_was_cancelled_with_room_promised_has_put_nothing(kind, run):
    async def main():
        queue = kind(maxsize=1)
        queue.put_nowait(1)
        first, second = (asyncio.create_task(queue.put(number)) for number in (2, 3))
        await asyncio.sleep(0)
        assert queue.get_nowait() == 1  # the room is promised to the first
        assert queue.full()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await second
        assert drained(queue) == [3]

    run(main)


def test_a_loop_that_closes_gives_back_what_its_tasks_were_granted(kind, new_loop):
    queue = kind(maxsize=1)
    event_loop = new_loop()
    getter = event_loop.create_task(queue.get())
    event_loop.run_until_complete(asyncio.sleep(0))
    queue.put_nowait(1)
    assert queue.empty()
    event_loop.close()
    del event_loop
    gc.collect()
    assert drained(queue) == [1]

    event_loop = new_loop()
    queue.put_nowait(2)
    putter = event_loop.create_task(queue.put(3))
    event_loop.run_until_complete(asyncio.sleep(0))
    assert queue.get_nowait() == 2
    assert queue.full()
    event_loop.close()
    gc.collect()
    assert not queue.full()
    assert queue.empty()
    getter._log_destroy_pending = putter._log_destroy_pending = False


def test_a_wait_whose_time_is_up_has_taken_and_put_nothing(kind):
    queue = kind(maxsize=1)
    with pytest.raises(simul.TimeoutError):
        queue.get().wait(0)
    queue.put_nowait(1)
    with pytest.raises(simul.TimeoutError):
        queue.put(2).wait(timeout=0.001)
    now = queue.statistics()
    assert (now["size"], now["waiting_to_get"], now["waiting_to_put"]) == (1, 0, 0)


def test_calls_begin_when_they_are_awaited(kind, run):
    queue = kind()
    queue.put_nowait(1)
    for make in (queue.get, queue.join, lambda: queue.put(2)):
        with pytest.warns(RuntimeWarning, match="never awaited"):
            make()
    assert drained(queue) == [1]

    async def main():
        put = queue.put(5)
        assert queue.empty()
        await put
        assert await asyncio.create_task(queue.get()) == 5
        assert await asyncio.wait_for(asyncio.gather(queue.get(), queue.put(6)), 30) == [6, None]

    run(main)


@pytest.mark.parametrize("immediate", [False, True])
def test_shutdown_wakes_everybody(kind, run, in_thread, immediate):
    empty, full = kind(), kind(maxsize=1)
    full.put_nowait(1)

    def refused(call):
        with pytest.raises(simul.QueueShutDown):
            call.wait()

    async def refused_in_loop(make):
        with pytest.raises(simul.QueueShutDown):
            await make()

    threads = [
        in_thread(refused, empty.get()),
        in_thread(refused, full.put(2)),
        in_thread(run, refused_in_loop, empty.get),
        in_thread(run, refused_in_loop, lambda: full.put(3)),
        in_thread(full.join().wait),
    ]
    until(lambda: empty.statistics()["waiting_to_get"] == full.statistics()["waiting_to_put"] == 2)
    until(lambda: full.statistics()["waiting_to_join"] == 1)
    empty.shutdown(immediate)
    full.shutdown(immediate=immediate)
    for thread in threads[:4]:
        thread.join()
    if not immediate:
        assert full.statistics()["waiting_to_join"] == 1
        assert full.get().wait() == 1
        full.task_done()
    threads[4].join()
    for queue in (empty, full):
        for refuse in (queue.get_nowait, lambda queue=queue: queue.put_nowait(1)):
            with pytest.raises(simul.QueueShutDown):
                refuse()
        refused(queue.get())
        refused(queue.put(1))
        assert "shut down" in repr(queue)


def test_shutdown_between_the_promise_and_the_put(kind, run):
    async def main():
        queue = kind(maxsize=1)
        queue.put_nowait(1)
        putter = asyncio.create_task(queue.put(2))
        await asyncio.sleep(0)
        queue.get_nowait()
        queue.shutdown()
        with pytest.raises(simul.QueueShutDown):
            await putter
        assert queue.empty()

    run(main)


def test_an_item_under_way_when_the_queue_is_shut_down_arrives(kind, run):
    async def main():
        queue = kind()
        reader, gone = (asyncio.create_task(queue.get()) for _ in range(2))
        await asyncio.sleep(0)
        queue.put_nowait(1)
        queue.put_nowait(2)
        queue.shutdown(immediate=True)
        gone.cancel()
        assert await reader == 1
        await asyncio.gather(gone, return_exceptions=True)
        assert queue.empty()
        queue.task_done()
        await queue.join()

    run(main)


def test_join_waits_for_all_work(kind, run):
    async def main():
        queue = kind()
        await queue.join()
        for item in range(3):
            queue.put_nowait(item)
        joined = [asyncio.create_task(queue.join()) for _ in range(2)]
        for _ in range(3):
            assert not any(one.done() for one in joined)
            await queue.get()
            queue.task_done()
            await asyncio.sleep(0)
        assert await asyncio.gather(*joined) == [None, None]

    run(main)


def test_a_blocking_get_in_a_running_loop_warns(run, loop_kind):
    # Once for each place: so each kind of loop has a place of its own.
    blocking = eval(compile("lambda queue: queue.get().wait(0)", f"blocking in {loop_kind}", "eval"))  # noqa: S307

    async def main():
        with pytest.warns(RuntimeWarning, match="stalls that loop"), pytest.raises(simul.TimeoutError):
            blocking(simul.Queue())

    run(main)


def test_a_queue_is_neither_pickled_nor_copied(kind):
    with pytest.raises(TypeError, match="another queue"):
        pickle.dumps(kind())


def test_the_figures_and_the_repr_say_how_it_stands():
    queue = simul.Queue(maxsize=2)
    queue.put_nowait(1)
    assert repr(queue) == "<simul.Queue size=1 maxsize=2 unfinished=1>"
    assert queue.statistics() == {
        "size": 1,
        "maxsize": 2,
        "unfinished": 1,
        "waiting_to_get": 0,
        "waiting_to_put": 0,
        "waiting_to_join": 0,
        "shut_down": False,
    }
    assert (queue.qsize(), queue.empty(), queue.full(), simul.Queue(-1).maxsize) == (1, False, False, -1)
    assert repr(simul.PriorityQueue()) == "<simul.PriorityQueue size=0>"


class Held:
    """Something that can be seen to be gone."""

    def __lt__(self, other):
        return id(self) < id(other)


def test_cycles_through_queued_items_are_collected(kind, new_loop):
    def gone(make):
        items = [Held(), Held(), Held()]
        seen = [weakref.ref(item) for item in items]
        make(items)
        items.clear()
        gc.collect()
        return [reference() is None for reference in seen]

    def inside(items):
        queue = kind()
        for item in items:
            item.queue = queue
            queue.put_nowait(item)

    def waiting_put(items):
        queue = kind(maxsize=1)
        queue.put_nowait(items[0])
        event_loop = new_loop()
        for item in items[1:]:
            item.queue = queue
            event_loop.create_task(queue.put(item))._log_destroy_pending = False
        event_loop.run_until_complete(asyncio.sleep(0))
        event_loop.close()

    def unread(items):
        queue = kind()
        event_loop = new_loop()
        for _ in items:
            event_loop.create_task(queue.get())._log_destroy_pending = False
        event_loop.run_until_complete(asyncio.sleep(0))
        for item in items:
            item.queue = queue
            queue.put_nowait(item)
        event_loop.close()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for make in (inside, waiting_put, unread):
            assert all(gone(make)), make.__name__
    queue = kind()
    reference = weakref.ref(queue)
    del queue
    assert reference() is None
