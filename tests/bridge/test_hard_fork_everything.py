"""A process that has used everything forks; the child works, and the parent never notices."""

from __future__ import annotations

import textwrap

import pytest

from tests.job.gunicorn_server import answers
from tests.job.test_fork import FORK, fork_beside_work, source

EVERYTHING = """
    @simul.smartasync
    async def smart(value):
        await asyncio.sleep(0)
        return value
    @simul.smartasync
    def blocking(value):
        return smart(value)
    @simul.async_handler
    async def handler(value):
        await jobs.ready(None)
        return value
    async def in_a_loop(lock, queue):
        async with lock:
            await queue.put(1)
        assert await simul.to_thread(lambda: 5) == 5
        assert await blocking(6) == 6
        assert handler(7) == 7
        assert await simul.SmartLock().run_once(smart.aio, 8) == 8
        return await queue.get()
    def everything(lock, queue, semaphore):
        assert smart(1) == 1 and handler(2) == 2 and simul.run(smart.aio(3)) == 3
        with lock, semaphore:
            queue.put(4).wait()
        assert queue.get().wait(timeout=30) == 4
        assert asyncio.run(in_a_loop(lock, queue)) == 1
        assert simul.SmartLock().run_once(smart.aio, 9).wait(timeout=30) == 9
        with simul.Portal() as portal:
            assert portal.call(smart.aio, 10) == 10
        thread = threading.Thread(target=smart, args=(11,))
        thread.start()
        thread.join()
"""


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_everything_works_in_the_child_of_a_process_that_was_in_the_middle_of_it(starting_child, far_end, kind):
    child = starting_child(
        source(EVERYTHING)
        + textwrap.dedent(
            """
            use(arguments[2])
            host, port = arguments[0], int(arguments[1])
            lock, queue, semaphore, event = simul.Lock(), simul.Queue(), simul.Semaphore(1), simul.Event()
            held, limiter, condition = simul.Lock(), simul.CapacityLimiter(1), simul.Condition()
            everything(lock, queue, semaphore)
            pending = [jobs.tcp_read(host, port) for _ in range(20)]
            # Other threads hold, wait and turn the engine's insides at the moment of the fork.
            stop, entered = threading.Event(), threading.Semaphore(0)
            def hold():
                with held, condition:
                    async def borrow():
                        async with limiter:
                            entered.release()
                            while not stop.is_set():
                                await asyncio.sleep(0)
                    simul.run(borrow())
            def busy():
                entered.release()
                while not stop.is_set():
                    for job in jobs.storm(20, 0.0001): job.wait()
                    with lock: pass
                    queue.put(1).wait(); queue.get().wait()
                    smart(1)
            def wait():
                entered.release()
                with held: pass
            threads = [threading.Thread(target=target) for target in (hold, busy, busy)]
            for thread in threads: thread.start()
            for _ in threads: entered.acquire()
            threads.append(threading.Thread(target=wait))
            threads[-1].start()
            entered.acquire()
            while held.statistics()["waiting"] == 0: os.sched_yield()
            say("in flight")
            sys.stdin.readline()
            def work():
                assert not held.locked() and held.statistics()["waiting"] == 0
                assert limiter.borrowed_tokens == 0
                assert held.acquire().wait(timeout=30)
                held.release()
                with condition, limiter: pass
                everything(simul.Lock(), simul.Queue(), simul.Semaphore(1))
                everything(held, simul.Queue(), semaphore)
                async def inherited():
                    for awaitable in (pending[0],):
                        try:
                            await awaitable
                        except simul.ForkedError:
                            return "forked"
                assert asyncio.run(inherited()) == "forked"
                for job in pending:
                    try:
                        job.wait()
                    except simul.ForkedError: pass
                    else: raise AssertionError("an inherited job gave a value")
            for _ in range(5):
                assert in_child(work) == 0
            say("child ended")
            stop.set()
            for thread in threads: thread.join()
            assert not held.locked()
            for job in pending: assert job.wait() == b"answered"
            everything(lock, queue, semaphore)
            say("all finished")
            """
        ),
        *far_end.address,
        kind,
        options=FORK,
    )
    fork_beside_work(child, far_end)


def test_a_fork_inside_a_nested_call_inside_a_running_loop(child):
    child(
        source(EVERYTHING)
        + textwrap.dedent(
            """
            async def forks():
                await asyncio.sleep(0)
                def work():
                    # As multiprocessing's children: they leave the loops alone that they were born in.
                    asyncio.events._set_running_loop(None)
                    everything(simul.Lock(), simul.Queue(), simul.Semaphore(1))
                assert in_child(work) == 0
                await asyncio.sleep(0)
                return "parent"
            async def main():
                return simul.run(forks())
            assert asyncio.run(main()) == "parent"
            assert simul.run(forks()) == "parent"
            """
        ),
        options=FORK,
    )


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing_children_use_everything(child, method):
    finished = child(
        source(EVERYTHING)
        + textwrap.dedent(
            """
            import multiprocessing
            def work(number):
                everything(simul.Lock(), simul.Queue(), simul.Semaphore(1))
                assert jobs.sleep(0.001, number).wait() == number
                return asyncio.run(jobs.sleep(0.001, smart(number)))
            if __name__ == "__main__":
                everything(simul.Lock(), simul.Queue(), simul.Semaphore(1))
                pending = [jobs.sleep(60) for _ in range(20)]
                with multiprocessing.get_context(arguments[0]).Pool(2) as pool:
                    say(sum(pool.map(work, range(10))))
                    pool.close()
                    pool.join()
                for job in pending:
                    job.cancel()
            """
        ),
        method,
        options=FORK,
    )
    assert finished.lines == ["45"]


PRELOADED = """
import asyncio, os, threading
import simul
from simul.testing import jobs

held, queue, flight = simul.Lock(), simul.Queue(), simul.SmartLock()
held.acquire_nowait()

@simul.async_handler
async def load(value):
    async with lock:
        return await jobs.sleep(0.001, value)

lock = simul.Lock()
assert load("before the fork") == "before the fork"

async def loop_of_now():
    await asyncio.sleep(0)
    return asyncio.get_running_loop()

parents = simul.run(loop_of_now())

def application(environ, start_response):
    async def main():
        return load("nested"), await simul.to_thread(load, "worker")
    with held:
        words = [load("plain"), *asyncio.run(main()), str(simul.run(loop_of_now()) is parents), str(os.getpid())]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(words).encode()]
"""


def test_gunicorn_preload_forks_workers_that_use_everything(tmp_path):
    for words in answers(tmp_path, PRELOADED).values():
        assert all(one == ["plain", "nested", "worker", "False"] for one in words), words
