"""Two loops and four threads on one semaphore, lock and queue; a third give up at random, and one loop is killed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading

import pytest

import simul

from .waiting import until, until_in_loop

ROUNDS = 300
PERMITS = 3


class Tally:
    """Counts who is inside; more than the limit is remembered."""

    def __init__(self, limit):
        self.limit, self.inside, self.most, self.entered = limit, 0, 0, 0
        self.guard = threading.Lock()

    def __enter__(self):
        with self.guard:
            self.inside += 1
            self.entered += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *raised):
        with self.guard:
            self.inside -= 1


class Field:
    """What all fight over."""

    def __init__(self):
        self.lock, self.semaphore = simul.Lock(), simul.Semaphore(PERMITS)
        self.queue = simul.Queue(maxsize=5)
        self.one, self.three = Tally(1), Tally(PERMITS)
        self.put, self.got, self.guard = [], [], threading.Lock()

    def note(self, where, item):
        with self.guard:
            where.append(item)


async def in_a_loop(field, seed, stop=lambda: False):
    """Ten tasks; each step may be cancelled at any moment."""
    chance = random.Random(seed)

    async def guarded(primitive, tally):
        async with primitive:
            with tally:
                await asyncio.sleep(0)

    async def put(item):
        await field.queue.put(item)
        field.note(field.put, item)

    async def get():
        item = await field.queue.get()
        field.note(field.got, item)

    async def one(name):
        for number in range(ROUNDS // 10):
            if stop():
                return
            item = (seed, name, number)
            calls = [guarded(field.lock, field.one), guarded(field.semaphore, field.three), put(item), get()]
            tasks = [asyncio.ensure_future(call) for call in calls]
            for task in tasks:
                if chance.random() < 0.3:
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)
                    task.cancel()
            # A get whose put was cancelled would wait for ever, and a put for want of a get.
            gathered = asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.wait([gathered], timeout=0.05)
            gathered.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gathered
            for end in await asyncio.gather(*tasks, return_exceptions=True):
                assert end is None or isinstance(end, asyncio.CancelledError), end

    await asyncio.gather(*[one(name) for name in range(10)])


def in_plain_code(field, seed):
    chance = random.Random(seed)
    for number in range(ROUNDS):
        limit = 0.0005 if chance.random() < 0.3 else 0.05
        for primitive, tally in ((field.lock, field.one), (field.semaphore, field.three)):
            with contextlib.suppress(simul.TimeoutError):
                primitive.acquire().wait(timeout=limit)
                with tally:
                    pass
                primitive.release()
        item = (seed, "thread", number)
        with contextlib.suppress(simul.TimeoutError):
            field.queue.put(item).wait(timeout=limit)
            field.note(field.put, item)
        with contextlib.suppress(simul.TimeoutError):
            field.note(field.got, field.queue.get().wait(timeout=limit))


def killed_midway(factory, field, seed):
    """Its loop is closed under its tasks, which hold and wait for all kinds of things."""
    loop = factory()
    turns = iter(range(500))
    main = loop.create_task(in_a_loop(field, seed))

    def count():
        if next(turns, None) is None:
            loop.stop()
        else:
            loop.call_soon(count)

    loop.call_soon(count)
    loop.run_forever()
    left = [main, *asyncio.all_tasks(loop)]
    for task in left:
        task._log_destroy_pending = False
    loop.close()
    return left


@pytest.mark.parametrize("victim", ["asyncio", "uvloop"])
def test_permits_and_items_are_conserved(in_thread, victim):
    uvloop = pytest.importorskip("uvloop", reason="uvloop has no build for this interpreter")
    factories = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    field = Field()

    def on(factory, seed):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(in_a_loop(field, seed))

    threads = [in_thread(on, factory, seed) for seed, factory in enumerate(factories.values())]
    threads += [in_thread(in_plain_code, field, seed) for seed in range(10, 14)]
    killed = in_thread(killed_midway, factories[victim], field, 20)
    left = killed.join()
    # A task that held something when its loop was closed is closed with it: its `async with` cannot run.
    held = {}
    for task in left:
        task.get_coro().close()
    for thread in threads:
        thread.join()
    assert field.one.most <= 1
    assert field.three.most <= PERMITS
    assert field.one.entered > ROUNDS
    assert field.three.entered > ROUNDS
    assert field.lock.statistics()["waiting"] == field.semaphore.statistics()["waiting"] == 0, held
    with contextlib.suppress(asyncio.QueueEmpty):
        while True:
            field.got.append(field.queue.get_nowait())
    assert len(field.got) == len(set(field.got)), "an item came twice"
    # What was put by a task that was killed between its put and its note is in `got` alone.
    assert set(field.put) <= set(field.got)
    assert all(item[0] == 20 for item in set(field.got) - set(field.put)), "an item came that was not put"


def test_those_who_wait_are_served_in_their_order_whatever_they_are(in_thread, new_loop):
    lock, order = simul.Lock(), []
    lock.acquire_nowait()
    threads, leavers = [], []

    def plain(number):
        with lock:
            order.append(number)

    async def task(number):
        async with lock:
            order.append(number)

    def in_loop(number):
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(task(number))

    def leave():
        with contextlib.suppress(simul.TimeoutError):
            lock.acquire().wait(timeout=0.2)
            raise AssertionError("it was given a lock that is held")

    for number in range(12):
        if number % 3 == 2:
            leavers.append(in_thread(leave))
        threads.append(in_thread((plain, in_loop)[number % 2], number))
        until(lambda number=number: lock.statistics()["waiting"] >= number + 1)
        if number % 3 == 2:
            leavers.pop().join()
            until(lambda number=number: lock.statistics()["waiting"] == number + 1)
    lock.release()
    for thread in threads:
        thread.join()
    assert order == list(range(12))


def test_a_cancelled_get_gives_its_item_back_to_the_front(run):
    queue = simul.Queue()

    async def main():
        first = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        for number in range(3):
            queue.put_nowait(number)
        first.cancel()  # its item is on the way
        with contextlib.suppress(asyncio.CancelledError):
            return [await first, *[await queue.get() for _ in range(2)]]
        return [await queue.get() for _ in range(3)]

    assert run(main) == [0, 1, 2]


def test_a_cancelled_acquire_that_was_granted_passes_it_on(run):
    lock, semaphore = simul.Lock(), simul.Semaphore(0)

    async def main():
        await lock.acquire()
        waiting = [asyncio.create_task(call()) for call in (lock.acquire, lock.acquire, semaphore.acquire)]
        await until_in_loop(lambda: lock.statistics()["waiting"] == 2 and semaphore.statistics()["waiting"] == 1)
        lock.release()
        semaphore.release()
        waiting[0].cancel()
        waiting[2].cancel()
        await asyncio.wait(waiting)
        assert waiting[0].cancelled()
        assert waiting[2].cancelled()
        assert waiting[1].result() is True
        lock.release()
        assert lock.acquire_nowait()
        assert semaphore.acquire_nowait()

    run(main)


def test_a_thousand_that_give_up_leave_nothing(run):
    lock, queue, event = simul.Lock(), simul.Queue(), simul.Event()
    lock.acquire_nowait()

    async def main():
        calls = [lock.acquire, queue.get, event.wait]
        tasks = [asyncio.create_task(calls[number % 3]()) for number in range(1000)]
        await until_in_loop(lambda: lock.statistics()["waiting"] == 334)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
        assert lock.statistics()["waiting"] == event.statistics()["waiting"] == 0
        lock.release()
        assert lock.acquire_nowait()
        queue.put_nowait("kept")
        assert queue.qsize() == 1
        # Never begun: nothing taken, nothing said.
        for call in calls:
            call().close()
        assert queue.qsize() == 1

    run(main)
