"""A loop ends while hundreds of things wait on it: all is given back, nothing is said."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
@pytest.mark.parametrize("end", ["run", "close"])
def test_jobs_and_waiters_of_a_loop_that_ends_are_let_go(starting_child, far_end, kind, end):
    child = starting_child(
        """
        import simul
        from simul.testing import jobs
        host, port, kind, end = arguments[0], int(arguments[1]), arguments[2], arguments[3]
        unraisable = []
        sys.unraisablehook = lambda args: unraisable.append(repr(args.exc_value))
        lock, semaphore, queue, event = simul.Lock(), simul.Semaphore(0), simul.Queue(), simul.Event()
        condition, barrier, flight = simul.Condition(), simul.Barrier(5), simul.SmartLock()
        lock.acquire_nowait()
        async def enter():
            async with condition:
                await condition.wait()
        waits = [lock.acquire, semaphore.acquire, queue.get, event.wait, enter, barrier.wait]
        def waiting():
            return sum(one.statistics()["waiting"] for one in (lock, semaphore, event))
        async def main():
            tasks = [asyncio.ensure_future(jobs.tcp_read(host, port)) for _ in range(500)]
            tasks += [asyncio.ensure_future(wait()) for _ in range(50) for wait in waits[:5]]
            tasks.append(asyncio.ensure_future(flight.run_once(asyncio.Event().wait)))
            while waiting() < 150:
                await asyncio.sleep(0)
            for task in tasks:
                task._log_destroy_pending = False
            say("waiting")
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
            return tasks if end == "close" else None
        if end == "run":
            run(main(), kind)
        else:
            loop = new_loop(kind)
            tasks = loop.run_until_complete(main())
            for task in asyncio.all_tasks(loop):
                task._log_destroy_pending = False
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            while waiting(): os.sched_yield()
        assert waiting() == 0, waiting()
        # The lock passes to a waiter on another loop; items and permits go to those who are left.
        async def second():
            mine = [asyncio.ensure_future(wait()) for wait in waits[:4]]
            while waiting() < 3:
                await asyncio.sleep(0)
            lock.release(); semaphore.release(); queue.put_nowait("item"); event.set()
            return await asyncio.gather(*mine)
        assert run(second(), kind)[2] == "item"
        async def notified():
            async with condition:
                condition.notify_all()
        run(notified(), kind)
        async def load():
            return "again"
        assert flight.run_once(load).wait(timeout=30) == "again"
        lock.release()
        if end == "close":
            tasks.clear()
        gc.collect()
        assert unraisable == [], unraisable
        say("done")
        """,
        *far_end.address,
        kind,
        end,
    )
    child.expect("waiting")
    far_end.wait_accepted(500)
    assert far_end.closed == 0
    child.tell("end")
    far_end.wait_closed(500)
    child.expect("done")
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_permit_granted_to_a_loop_that_closes_before_it_reads_it_moves_on(child, kind):
    child(
        """
        import simul
        kind = arguments[0]
        lock, semaphore, queue = simul.Lock(), simul.Semaphore(0), simul.Queue()
        lock.acquire_nowait()
        loop = new_loop(kind)
        async def start():
            tasks = [loop.create_task(call()) for call in (lock.acquire, semaphore.acquire, queue.get)]
            while not (lock.statistics()["waiting"] and semaphore.statistics()["waiting"]):
                await asyncio.sleep(0)
            for task in tasks: task._log_destroy_pending = False
            return tasks
        tasks = loop.run_until_complete(start())
        # Granted now, and the loop never turns again.
        lock.release(); semaphore.release(); queue.put_nowait("item")
        loop.close()
        assert lock.acquire().wait(timeout=30)
        assert semaphore.acquire().wait(timeout=30)
        assert queue.get().wait(timeout=30) == "item"
        del tasks
        gc.collect()
        """,
        kind,
    )


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_worker_that_calls_back_after_its_loop_has_gone_is_told_so(child, kind):
    finished = child(
        """
        import simul
        kind = arguments[0]
        entered, gone, said = threading.Event(), threading.Event(), []
        @simul.smartasync
        async def smart():
            return "ran"
        async def plain():
            return "ran"
        def worker():
            entered.set()
            gone.wait()
            for call in (lambda: simul.from_thread.run(plain), smart, lambda: simul.run(plain())):
                try:
                    said.append(call())
                except simul.ClosedError:
                    said.append("closed")
            said.append("end")
        async def main():
            task = asyncio.create_task(simul.to_thread(worker, abandon_on_cancel=True))
            await asyncio.get_running_loop().run_in_executor(None, entered.wait)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                say("left")
        run(main(), kind)
        gone.set()
        while len(said) < 4: os.sched_yield()
        say(*said)
        """,
        kind,
    )
    assert finished.lines == ["left", "closed closed closed end"]


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_portals_loop_ends_under_its_callers(child, kind):
    finished = child(
        """
        import simul
        use(arguments[0])
        started = threading.Semaphore(0)
        async def forever():
            started.release()
            await asyncio.Event().wait()
        ends = []
        def call(portal):
            try:
                portal.call(forever)
            except BaseException as error:
                ends.append(type(error).__mro__)
        portal = simul.Portal()
        future = portal.start_soon(forever)
        thread = threading.Thread(target=call, args=(portal,))
        thread.start()
        for _ in range(2): started.acquire()
        portal.close()
        thread.join()
        assert future.done()
        try:
            portal.call(forever)
        except simul.ClosedError:
            say("closed")
        say(len(ends), future.cancelled())
        """,
        kind,
    )
    assert finished.lines == ["closed", "1 True"]
