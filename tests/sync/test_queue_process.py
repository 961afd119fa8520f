"""Queues in forked children, under Ctrl-C, and at the interpreter's exit."""

from __future__ import annotations


def test_a_forked_child_finds_the_items_and_nobody_who_waits(child):
    child("""
        import simul
        queues = simul.Queue(maxsize=3), simul.LifoQueue(3), simul.PriorityQueue(3)
        async def main():
            for queue in queues:
                getter = asyncio.create_task(queue.get())
                await asyncio.sleep(0)
                for item in (1, 2, 3, 4):
                    queue.put_nowait(item)  # the first is on its way to the getter
                putter = asyncio.create_task(queue.put(5))
                await asyncio.sleep(0)
                tasks.append((getter, putter))
            unread = asyncio.create_task(queues[0].get())
            pid = os.fork()
            if pid == 0:
                try:
                    for queue, order in zip(queues, ([2, 3, 4], [4, 3, 2], [2, 3, 4]), strict=True):
                        now = queue.statistics()
                        assert (now["waiting_to_get"], now["waiting_to_put"], now["size"]) == (0, 0, 3), now
                        assert [queue.get_nowait() for _ in range(3)] == order
                        queue.put(7).wait()
                        assert queue.get().wait() == 7
                    os._exit(7)
                except BaseException as error:
                    print(repr(error), file=sys.stderr, flush=True)
                    os._exit(1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
            for getter, putter in tasks:
                assert await getter == 1
                putter.cancel()
            unread.cancel()
        tasks = []
        run(main())
    """)


def test_an_item_under_way_at_the_fork_is_in_the_child(child):
    child("""
        import simul
        queue = simul.Queue()
        async def main():
            getter = asyncio.create_task(queue.get())
            await asyncio.sleep(0)
            queue.put_nowait(1)
            queue.put_nowait(2)
            pid = os.fork()
            if pid == 0:
                os._exit(7 if [queue.get_nowait() for _ in range(queue.qsize())] == [1, 2] else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
            assert await getter == 1
        run(main())
    """)


def test_ctrl_c_ends_a_blocked_get_and_put_and_leaves_the_queue_clean(child):
    child("""
        import simul
        queue = simul.Queue(maxsize=1)
        def interrupt(side):
            while queue.statistics()[side] == 0:
                os.sched_yield()
            os.kill(os.getpid(), signal.SIGINT)
        for side, call in (("waiting_to_get", queue.get), ("waiting_to_put", lambda: queue.put(2))):
            if side == "waiting_to_put":
                queue.put_nowait(1)
            thread = threading.Thread(target=interrupt, args=(side,))
            thread.start()
            try:
                call().wait()
            except KeyboardInterrupt:
                pass
            else:
                raise AssertionError(side)
            thread.join()
            assert queue.statistics()[side] == 0
        assert queue.get_nowait() == 1
        assert queue.empty() and not queue.full()
    """)


def test_a_process_ends_while_threads_and_tasks_wait(child):
    finished = child("""
        import simul
        queue = simul.Queue()
        threading.Thread(target=lambda: queue.get().wait(), daemon=True).start()
        while queue.statistics()["waiting_to_get"] == 0:
            os.sched_yield()
        say("end")
    """)
    assert finished.lines == ["end"]
    assert finished.err == ""
