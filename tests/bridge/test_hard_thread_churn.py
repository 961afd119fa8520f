"""Threads come and go; each takes its loop, its tasks and its generators with it."""

from __future__ import annotations

import pytest

CHURN = """
    import simul
    use(arguments[0])
    unraisable = []
    sys.unraisablehook = lambda args: unraisable.append(repr(args.exc_value))
    loops, ends, strangers = [], [], []
    def here(owner):
        if threading.get_native_id() != owner:
            strangers.append((owner, threading.get_native_id()))
    async def background(owner):
        here(owner)
        try:
            while True:
                await asyncio.sleep(0)
                here(owner)
        except asyncio.CancelledError:
            here(owner)
            await asyncio.sleep(0)
            here(owner)
            ends.append("task")
            raise
    async def numbers(owner):
        try:
            for number in range(10):
                yield number
        finally:
            await asyncio.sleep(0)
            here(owner)
            ends.append("generator")
    kept = []
    @simul.smartasync
    async def call(owner):
        here(owner)
        loops.append(weakref.ref(asyncio.get_running_loop()))
        asyncio.get_running_loop().create_task(background(owner))
        source = numbers(owner)
        kept.append(source)
        async for number in source:
            if number == 3:
                break
        return "called"
    def work():
        assert call(threading.get_native_id()) == "called"
        assert call(threading.get_native_id()) == "called"
        answers.append(1)
    answers = []
    def churn():
        for _ in range(200):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        threads = [threading.Thread(target=work) for _ in range(50)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    work_once = threading.Thread(target=work)
    work_once.start()
    work_once.join()
    descriptors = lambda: sorted(os.listdir("/proc/self/fd"))
    before = descriptors()
    churn()
    assert descriptors() == before
    assert len(answers) == 251
    assert ends.count("task") == ends.count("generator") == 502, (ends.count("task"), ends.count("generator"))
    assert strangers == []
    kept.clear()
    gc.collect()
    assert [loop() for loop in loops if loop() is not None] == []
    assert threading.active_count() == 1
    assert unraisable == []
    say("nothing left")
"""


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_250_threads_leave_no_descriptor_loop_or_task_and_end_on_themselves(child, kind):
    assert child(CHURN, kind).lines == ["nothing left"]


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_the_churn_in_debug_mode_with_threads_that_change_at_every_step(child, kind):
    # On a busy machine any step may be slow, and debug mode says so.
    first = "use(arguments[0]); sys.setswitchinterval(1e-6); import logging; logging.getLogger('asyncio').addFilter("
    first += "lambda record: not record.getMessage().startswith('Executing '))"
    source = CHURN.replace("use(arguments[0])", first).replace("200", "40")
    source = source.replace("251", "91").replace("502", "182")
    assert child(source, kind, env={"PYTHONASYNCIODEBUG": "1"}).lines == ["nothing left"]


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_what_a_threads_end_raises_is_told_to_its_loops_handler_and_the_rest_ends_too(child, kind):
    finished = child(
        """
        import simul
        use(arguments[0])
        async def stubborn():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ValueError("in the end") from None
        async def patient(ended):
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("patient")
        ended, told = [], []
        @simul.smartasync
        async def call():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
            kept.extend([loop.create_task(stubborn()), loop.create_task(patient(ended))])
            await asyncio.sleep(0)
        kept = []
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        assert ended == ["patient"]
        say(*map(repr, told))
        """,
        kind,
    )
    assert finished.lines == ["ValueError('in the end')"]


def test_a_daemon_thread_that_is_in_a_call_at_exit_says_nothing(child):
    child(
        """
        import simul
        inside = threading.Event()
        async def forever():
            inside.set()
            while True:
                await asyncio.sleep(0)
        threading.Thread(target=lambda: simul.run(forever()), daemon=True).start()
        inside.wait()
        """
    )


def test_the_main_threads_loop_ends_at_exit_on_the_main_thread(child):
    finished = child(
        """
        import simul
        async def background():
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                say("task", threading.current_thread() is threading.main_thread())
        async def numbers():
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                say("generator", threading.current_thread() is threading.main_thread())
        async def call():
            asyncio.get_running_loop().create_task(background())
            await asyncio.sleep(0)
            kept = numbers()
            await kept.__anext__()
            return kept
        kept = simul.run(call())
        """
    )
    assert sorted(finished.lines) == ["generator True", "task True"]
