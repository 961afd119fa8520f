"""What the projects that the bridge comes from got wrong: one row of the list of their bugs, one test.

Threads and loops are here; kinds of callables are in test_ancestors_callables.py, single flight in
test_ancestors_flight.py, calls from plain code in test_ancestors_handler.py.

    G1a  threads that call once leave loops and descriptors   test_g1a_fifty_threads_leave_nothing_behind
    G1b  a new thread finishes a dead thread's task           test_g1b_a_new_thread_never_sees_a_dead_threads_loop
    G2   reset raises while another thread is in a call       test_g2_reset_disturbs_no_call_of_another_thread
    G10  a worker's call loses its parent's loop              test_g10_a_call_from_a_worker_uses_its_parents_loop
    G15  an interrupted call goes on inside the next one      test_g15_an_interrupted_call_does_not_go_on_in_the_next
    G18  a forked child shares its parent's loop              test_g18_a_forked_child_has_a_loop_of_its_own
    R6   a half-read generator is never finished              test_r6_a_half_read_generator_is_finished_with_its_thread
"""

from __future__ import annotations

import ast
import asyncio
import pathlib
import re
import threading

import pytest

import simul

from .waiting import until

FORK = ("-W", "ignore:This process:DeprecationWarning")
ROWS = """
    G1a G1b G2 G3 G4 G5 G7 G8 G8b G9 G10 G11 G12 G13 G14 G15 G17 G18 R1 R4 R5 R6
    A1 A1b A1c A2 A2c A3 A4 A5 A5b A6
"""


def test_every_row_has_its_test():
    told, tests = {}, set()
    for path in pathlib.Path(__file__).parent.glob("test_ancestors*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tests |= {item.name for item in tree.body if isinstance(item, ast.FunctionDef)}
        for ids, name in re.findall(r"^ *(\S+) .* (test_\w+)$", ast.get_docstring(tree, clean=False), re.MULTILINE):
            told.update(dict.fromkeys(ids.split("/"), name))
    assert sorted(told) == sorted(ROWS.split())
    assert [row for row, name in told.items() if name not in tests] == []


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_g1a_fifty_threads_leave_nothing_behind(child, kind):
    child(
        """
        import simul
        use(arguments[0])
        loops = []
        @simul.smartasync
        async def call():
            loops.append(weakref.ref(asyncio.get_running_loop()))
            await asyncio.sleep(0)
        def fifty():
            threads = [threading.Thread(target=call) for _ in range(50)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
        descriptors = lambda: sorted(os.listdir("/proc/self/fd"))
        fifty()
        before = descriptors()
        fifty()
        assert descriptors() == before
        gc.collect()
        assert len(loops) == 100
        assert [loop() for loop in loops if loop() is not None] == []
        """,
        kind,
    )


def test_g1b_a_new_thread_never_sees_a_dead_threads_loop(in_thread):
    steps = []

    async def background():
        # Not current_thread(): at its end a thread is out of threading's books.
        steps.append(threading.get_native_id())
        try:
            await asyncio.Event().wait()
        finally:
            steps.append(threading.get_native_id())

    @simul.smartasync
    async def leave_a_task():
        task = asyncio.get_running_loop().create_task(background())
        await asyncio.sleep(0)
        return threading.get_ident(), task

    @simul.smartasync
    async def look():
        await asyncio.sleep(0)
        return threading.get_ident(), len(asyncio.all_tasks())

    reused = 0
    for _ in range(10):
        first = in_thread(leave_a_task)
        number, task = first.join()
        assert task.cancelled()
        second = in_thread(look)
        seen, tasks = second.join()
        reused += seen == number
        assert tasks == 1
        assert steps[-2:] == [first.native_id, first.native_id]
    assert reused > 0


def test_g2_reset_disturbs_no_call_of_another_thread(in_thread):
    inside = []

    @simul.smartasync
    async def call():
        event = asyncio.Event()
        inside.append((asyncio.get_running_loop(), event))
        await event.wait()
        return "undisturbed"

    def twice():
        first = call()
        return first, asyncio.run(asyncio.sleep(0, "a loop of its own")), simul.run(asyncio.sleep(0, "again"))

    thread = in_thread(twice)
    until(lambda: inside)
    simul.reset_smartasync_cache()
    simul.reset_smartasync_cache()
    loop, event = inside[0]
    loop.call_soon_threadsafe(event.set)
    assert thread.join() == ("undisturbed", "a loop of its own", "again")


def test_g10_a_call_from_a_worker_uses_its_parents_loop(run):
    @simul.smartasync
    async def inner(future):
        asyncio.get_running_loop().call_soon(future.set_result, "of the parent's loop")
        return await future, asyncio.get_running_loop()

    @simul.smartasync
    def offloaded(future):
        assert threading.current_thread() is not threading.main_thread()
        return inner(future)

    async def main():
        loop = asyncio.get_running_loop()
        assert await offloaded(loop.create_future()) == ("of the parent's loop", loop)

    run(main)


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_g15_an_interrupted_call_does_not_go_on_in_the_next(starting_child, kind):
    child = starting_child(
        """
        import simul
        use(arguments[0])
        @simul.smartasync
        async def work():
            asyncio.get_running_loop().call_soon(say, "waiting")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                say("cancelled")
                raise
            finally:
                await asyncio.sleep(0)
                say("cleaned up")
        try:
            work()
        except KeyboardInterrupt:
            say("interrupted")
        async def tasks():
            await asyncio.sleep(0)
            return len(asyncio.all_tasks())
        say(simul.run(tasks()))
        """,
        kind,
    )
    child.expect("waiting")
    child.signal(2)
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")
    assert finished.lines == ["cancelled", "cleaned up", "interrupted", "1"]


def test_g18_a_forked_child_has_a_loop_of_its_own(child):
    child(
        """
        import simul
        async def loop_of_now():
            await asyncio.sleep(0)
            return asyncio.get_running_loop()
        mine = simul.run(loop_of_now())
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            async def listen():
                loop, heard = asyncio.get_running_loop(), asyncio.Event()
                loop.add_reader(read, heard.set)
                os.write(write, b"x")
                await heard.wait()
                return loop
            theirs = simul.run(listen())
            assert theirs is not mine and theirs._selector is not mine._selector
            assert not mine.is_closed()
            sys.exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        assert mine._selector.select(0) == []
        assert simul.run(loop_of_now()) is mine
        """,
        options=FORK,
    )


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_r6_a_half_read_generator_is_finished_with_its_thread(child, kind):
    finished = child(
        """
        import simul
        use(arguments[0])
        kept = []
        async def plain():
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                say("plain", threading.get_native_id() == thread.native_id)
        @simul.smartasync
        async def smart():
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                say("smart", threading.get_native_id() == thread.native_id)
        @simul.smartasync
        async def first():
            kept.append(plain())
            return await kept[0].__anext__()
        def work():
            assert first() == 1
            iterator = smart()
            assert next(iterator) == 1
            kept.append(iterator)
        thread = threading.Thread(target=work, name="creator")
        thread.start()
        thread.join()
        """,
        kind,
    )
    assert sorted(finished.lines) == ["plain True", "smart True"]
