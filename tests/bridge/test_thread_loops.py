"""One loop for each thread: made at the first call, closed by the thread's end, on that thread."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

import simul


async def where():
    return asyncio.get_running_loop(), asyncio.current_task()


@simul.smartasync
async def turning():
    await asyncio.sleep(0)
    return asyncio.get_running_loop()


def test_calls_of_one_thread_share_a_loop_and_each_has_a_task_of_its_own():
    one, first = simul.run(where())
    two, second = simul.run(where())
    assert one is two is turning()
    assert first is not second
    assert isinstance(first, asyncio.Task)


def test_a_coroutine_that_never_waits_sees_a_running_loop_a_task_and_the_hooks_of_async_generators():
    ended = []

    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            ended.append(asyncio.get_running_loop())

    async def main():
        assert asyncio.current_task() in asyncio.all_tasks()
        async for _number in numbers():
            break
        return _number, asyncio.get_running_loop()

    number, loop = simul.run(main())
    gc.collect()
    assert number == 1
    assert asyncio._get_running_loop() is None
    turning()  # the finaliser was handed to the loop
    turning()
    assert ended == [loop]


def test_threads_have_loops_of_their_own_which_end_with_them(in_thread):
    def thread():
        loop = turning()
        return loop, threading.get_ident()

    loops = [in_thread(thread).join()[0] for _ in range(5)]
    assert len({id(loop) for loop in loops}) == 5
    assert all(loop.is_closed() for loop in loops)


def test_a_threads_end_cancels_its_tasks_and_finishes_its_generators_on_that_thread(in_thread):
    seen = []

    async def left():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append(("cancelled", threading.get_ident()))
            raise

    kept = []

    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            seen.append(("finished", threading.get_ident()))
            await asyncio.sleep(0)
            seen.append(("awaited", threading.get_ident()))

    async def main():
        task = asyncio.create_task(left())
        generator = numbers()
        assert await anext(generator) == 1
        kept.append(generator)
        await asyncio.sleep(0)
        return weakref.ref(task)

    def thread():
        return simul.run(main()), threading.get_ident()

    task, ident = in_thread(thread).join()
    assert sorted(seen) == [("awaited", ident), ("cancelled", ident), ("finished", ident)]
    gc.collect()
    assert task() is None


def test_what_a_call_leaves_behind_goes_on_in_later_calls():
    async def ticker(ticks):
        while True:
            ticks.append(asyncio.current_task())
            await asyncio.sleep(0)

    async def start(ticks):
        return asyncio.create_task(ticker(ticks))

    async def nothing():
        pass

    ticks = []
    task = simul.run(start(ticks))
    before = len(ticks)
    for _ in range(5):
        turning()
    assert len(ticks) >= before + 5
    task.cancel()
    turning()
    assert task.cancelled()


def test_a_task_that_a_quick_call_starts_begins_before_the_call_returns():
    ran, tasks = [], []

    async def background():
        ran.append(1)

    async def quick():
        tasks.append(asyncio.create_task(background()))

    simul.run(quick())
    assert ran == [1]


def test_the_loop_is_made_by_the_policy(child):
    finished = child(
        """
        import simul, uvloop
        uvloop.install()
        async def main():
            await asyncio.sleep(0)
            return type(asyncio.get_running_loop()).__module__
        say(simul.run(main()))
        """,
        options=("-W", "ignore::DeprecationWarning"),
    )
    assert finished.lines == ["uvloop"]


def test_reset_gives_this_thread_a_new_loop_and_closes_the_old_one():
    before = turning()
    simul.reset_smartasync_cache()
    assert before.is_closed()
    after = turning()
    assert after is not before
    assert not after.is_closed()


def test_reset_leaves_calls_of_other_threads_alone(in_thread):
    entered, go_on = threading.Event(), threading.Event()

    async def held():
        entered.set()
        await asyncio.to_thread(go_on.wait)
        return asyncio.get_running_loop()

    def thread():
        first = simul.run(held())
        closed = first.is_closed()
        return first, closed, turning()

    running = in_thread(thread)
    entered.wait()
    simul.reset_smartasync_cache()
    go_on.set()
    first, closed, second = running.join()
    assert not closed
    assert second is not first
    assert first.is_closed()


def test_reset_inside_of_a_call_waits_for_its_end():
    async def main():
        simul.reset_smartasync_cache()
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    first = simul.run(main())
    assert turning() is not first
    assert first.is_closed()


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_forked_child_has_a_loop_of_its_own(child, kind):
    finished = child(
        """
        import simul
        kind = arguments[0]
        if kind == "uvloop":
            import uvloop
            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        @simul.smartasync
        async def loop():
            await asyncio.sleep(0)
            return asyncio.get_running_loop()
        parents = loop()
        pid = os.fork()
        if pid == 0:
            childs = loop()
            say(childs is not parents, not parents.is_closed(), loop() is childs)
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        say(loop() is parents)
        """,
        kind,
        options=("-W", "ignore::DeprecationWarning"),
    )
    assert finished.lines == ["True True True", "True"]


def test_many_threads_leave_no_descriptor_loop_or_task(child):
    finished = child(
        """
        import simul
        loops = weakref.WeakSet()
        @simul.smartasync
        async def main():
            loops.add(asyncio.get_running_loop())
            async def left():
                await asyncio.sleep(3600)
            async def numbers():
                yield 1
                yield 2
            asyncio.create_task(left())
            async for number in numbers():
                break
            await asyncio.sleep(0)
        def one():
            thread = threading.Thread(target=main)
            thread.start()
            return thread
        one().join()
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        for thread in [one() for _ in range(50)]:
            thread.join()
        for _ in range(200):
            one().join()
        gc.collect()
        say(len(os.listdir("/proc/self/fd")) - before, len(loops), threading.active_count())
        """
    )
    assert finished.lines == ["0 0 1"]


@pytest.mark.parametrize("call", ["simul.run(wait())", "smart()", "asyncio.run(nested())"])
def test_a_daemon_thread_in_a_call_does_not_disturb_the_exit(child, call):
    child(
        f"""
        import simul
        entered = threading.Semaphore(0)
        async def wait():
            entered.release()
            while True:
                await asyncio.sleep(0.001)
        smart = simul.smartasync(wait)
        async def nested():
            simul.run(wait())
        threads = [threading.Thread(target=lambda: {call}, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in threads:
            entered.acquire()
        """
    )


def test_a_thread_whose_loop_was_closed_gets_a_new_one(run, in_thread):
    def thread():
        first = turning()
        first.close()
        assert first.is_closed()
        second = turning()
        assert second is not first
        simul.run(where())[0].close()
        assert turning() not in (first, second)

    in_thread(thread).join()

    async def nested():
        side = turning.sync()
        side.close()
        assert turning.sync() is not side

    run(nested)


def test_a_loop_cannot_be_closed_under_a_call_that_runs_on_it(run):
    def close():
        with pytest.raises(RuntimeError, match="Cannot close a running event loop"):
            asyncio.get_running_loop().close()

    async def at_once():
        close()
        await asyncio.sleep(0)

    async def later():
        await asyncio.sleep(0)
        close()
        asyncio.get_running_loop().call_soon(close)
        await asyncio.sleep(0)

    async def beneath(loop):
        with pytest.raises(RuntimeError, match="Cannot close a running event loop"):
            loop.close()

    async def nests():
        simul.run(beneath(asyncio.get_running_loop()))
        await asyncio.sleep(0)

    async def main():
        simul.run(at_once())
        simul.run(later())
        simul.run(nests())

    for call in (at_once, later, nests, main):
        simul.run(call())
        turning()
    run(main)


@pytest.mark.parametrize(
    "call",
    ["simul.run(first())", "simul.run(later())", "smart()", "sync()", "asyncio.run(nested())", "list(steps())"],
)
def test_a_daemon_thread_that_comes_back_when_the_interpreter_has_gone_sleeps(child, call):
    """In a step that is longer than the exit waits; up to Python 3.13 it would be unwound, and the process abort."""
    finished = child(
        f"""
        import simul
        def block():
            entered.put(threading.get_native_id())
            os.read(reader, 1)
        async def first():
            block()
        async def later():
            await asyncio.sleep(0)
            block()
        smart, sync = simul.smartasync(later), simul.smartasync(block)
        async def nested():
            simul.run(later())
        @simul.smartasync
        async def steps():
            yield 1
            block()
        class AtTheEnd:
            # Run when modules are cleared: the interpreter is going, and is still there.
            def __init__(self, task):
                self.file, self.writer = open(f"/proc/self/task/{{task}}/syscall"), writer
                self.write, self.let_others_run = os.write, os.sched_yield
            def call(self):
                self.file.seek(0)
                return self.file.read().split()[0]
            def __del__(self):
                before = self.call()
                self.write(self.writer, b"x")
                # Until it has come back from the read and sleeps in another call of the system.
                while self.call() in (before, "running"):
                    self.let_others_run()
                self.file.close()
                self.write(1, b"slept")
        import queue
        entered = queue.SimpleQueue()
        reader, writer = os.pipe()
        threading.Thread(target=lambda: {call}, daemon=True).start()
        sys.kept_to_the_end = AtTheEnd(entered.get())
        """
    )
    assert finished.out == "slept"
