"""Ctrl-C and other signals while a thread is parked in wait(). Bounds on latency are checks of `./dev fault`."""

from __future__ import annotations

import signal

import pytest

# Threads change only where one blocks: the helper thread runs when main is parked in wait(), not before.
INTERRUPT = """
    sys.setswitchinterval(1000)
    import simul
    from simul.testing import jobs
    host, port = arguments[0], int(arguments[1])
    enter = threading.Event()
    def interrupt(number=signal.SIGINT):
        enter.wait()
        enter.clear()
        os.kill(os.getpid(), number)
    def interrupt_soon(number=signal.SIGINT):
        threading.Thread(target=interrupt, args=(number,), daemon=True).start()
        enter.set()
"""


def source(text):
    import textwrap

    return textwrap.dedent(INTERRUPT) + textwrap.dedent(text)


def test_ctrl_c_in_wait_drops_the_work_and_then_raises(starting_child, far_end):
    child = starting_child(
        source(
            """
            job = jobs.tcp_read(host, port)
            say("started")
            sys.stdin.readline()
            interrupt_soon()
            try:
                job.wait()
            except KeyboardInterrupt:
                say("interrupted", job.cancelled())
            sys.stdin.readline()
            assert jobs.sleep(0.001, "next").wait() == "next"
            assert asyncio.run(jobs.sleep(0.001, "loop")) == "loop"
            say("still works")
            """
        ),
        *far_end.address,
    )
    child.expect("started")
    far_end.wait_accepted(1)
    child.tell("wait")
    child.expect("interrupted True")
    far_end.wait_closed(1)
    child.tell("go on")
    child.expect("still works")
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")


def test_ctrl_c_that_nobody_catches_ends_the_process_as_python_does(starting_child, far_end):
    child = starting_child(
        source(
            """
            job = jobs.tcp_read(host, port)
            interrupt_soon()
            job.wait()
            """
        ),
        *far_end.address,
    )
    finished = child.finish()
    assert finished.code == -signal.SIGINT
    assert finished.err.rstrip().endswith("KeyboardInterrupt")
    assert finished.err.count("Traceback") == 1
    far_end.wait_closed(far_end.accepted)


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_ctrl_c_while_a_task_waits_without_await_cancels_the_task(starting_child, far_end, kind):
    """Runner answers the first Ctrl-C by cancelling its main task; wait() must see that and leave."""
    child = starting_child(
        source(
            """
            warnings.simplefilter("ignore")
            async def main():
                job = jobs.tcp_read(host, port)
                await asyncio.to_thread(sys.stdin.readline)
                interrupt_soon()
                try:
                    job.wait()
                except asyncio.CancelledError:
                    say("cancelled")
                    raise
            say("started")
            try:
                run(main(), arguments[2])
            except KeyboardInterrupt:
                say("interrupted")
            sys.stdin.readline()
            """
        ),
        *far_end.address,
        kind,
    )
    child.expect("started")
    far_end.wait_accepted(1)
    child.tell("wait")
    child.expect("cancelled")
    child.expect("interrupted")
    far_end.wait_closed(1)
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_ctrl_c_while_a_loop_awaits_closes_the_socket(starting_child, far_end, kind):
    child = starting_child(
        source(
            """
            async def main():
                await jobs.tcp_read(host, port)
            say("started")
            try:
                run(main(), arguments[2])
            except KeyboardInterrupt:
                say("interrupted")
            sys.stdin.readline()
            """
        ),
        *far_end.address,
        kind,
    )
    child.expect("started")
    far_end.wait_accepted(1)
    child.signal(signal.SIGINT)
    child.expect("interrupted")
    far_end.wait_closed(1)
    assert child.finish().code == 0


def test_a_signal_handler_that_returns_leaves_the_wait_as_it_was(starting_child, far_end):
    child = starting_child(
        source(
            """
            signal.signal(signal.SIGUSR1, lambda *_: say("handled"))
            job = jobs.tcp_read(host, port)
            interrupt_soon(signal.SIGUSR1)
            say(job.wait().decode())
            """
        ),
        *far_end.address,
    )
    far_end.wait_accepted(1)
    child.expect("handled")
    far_end.answer(b"and went on")
    child.expect("and went on")
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")


def test_an_error_raised_by_a_handler_comes_out_of_wait_and_drops_the_work(starting_child, far_end):
    child = starting_child(
        source(
            """
            class Alarm(Exception): pass
            def handler(*_):
                raise Alarm("rung")
            signal.signal(signal.SIGALRM, handler)
            job = jobs.tcp_read(host, port)
            say("started")
            sys.stdin.readline()
            interrupt_soon(signal.SIGALRM)
            try:
                job.wait()
            except Alarm:
                say("rung")
            sys.stdin.readline()
            """
        ),
        *far_end.address,
    )
    child.expect("started")
    far_end.wait_accepted(1)
    child.tell("wait")
    child.expect("rung")
    far_end.wait_closed(1)
    assert child.finish().code == 0


def test_ctrl_c_reaches_main_while_other_threads_wait(starting_child, far_end):
    child = starting_child(
        source(
            """
            sys.setswitchinterval(0.005)
            waiting = [threading.Thread(target=jobs.tcp_read(host, port).wait, daemon=True) for _ in range(5)]
            for thread in waiting:
                thread.start()
            say("started")
            try:
                jobs.tcp_read(host, port).wait()
            except KeyboardInterrupt:
                say("interrupted")
            sys.stdin.readline()
            """
        ),
        *far_end.address,
    )
    child.expect("started")
    far_end.wait_accepted(6)
    child.signal(signal.SIGINT)
    child.expect("interrupted")
    far_end.wait_closed(1)
    assert far_end.closed == 1  # the other threads' work goes on
    assert child.finish().code == 0


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_ctrl_c_during_a_storm_of_deliveries_ends_the_run_cleanly(starting_child, kind):
    child = starting_child(
        """
        from simul.testing import jobs
        async def main():
            say("storming")
            while True:
                await asyncio.gather(*jobs.storm(1000, 0.0001))
        try:
            run(main(), arguments[0])
        except KeyboardInterrupt:
            say("interrupted")
        assert run(jobs.sleep(0.001, "next"), arguments[0]) == "next"
        """,
        kind,
    )
    child.expect("storming")
    child.signal(signal.SIGINT)
    child.expect("interrupted")
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")


def test_engine_threads_block_every_signal(child):
    finished = child(
        """
        from simul.testing import jobs
        jobs.ready(1).wait()
        job = jobs.child(["/bin/true"])
        job.wait()
        seen = 0
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/comm") as comm:
                if not comm.read().startswith("simul"):
                    continue
            with open(f"/proc/self/task/{task}/status") as status:
                blocked = next(int(line.split()[1], 16) for line in status if line.startswith("SigBlk"))
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGALRM):
                assert blocked >> (number - 1) & 1, (task, number, hex(blocked))
            seen += 1
        say(seen)
        """
    )
    assert int(finished.lines[0]) >= 1


def test_children_start_with_no_signal_blocked(child):
    child(
        """
        from simul.testing import jobs
        check = "import signal,sys; sys.exit(len(signal.pthread_sigmask(signal.SIG_BLOCK, [])))"
        assert jobs.child([sys.executable, "-c", check]).wait() == 0
        """
    )


def test_a_keyboard_interrupt_inside_a_drain_loses_at_most_the_wake_up_it_strikes(child):
    """A handler raises inside of call_soon, which is where a drain runs Python code.

    Nobody can tell whether that call_soon has done its work, asyncio's own futures cannot either; all others arrive.
    """
    finished = child(
        """
        from simul.testing import jobs
        struck = 0
        def strike(number, frame):
            global struck
            while frame is not None and frame.f_code.co_name != "call_soon":
                frame = frame.f_back
            # Elsewhere it would break asyncio's own steps, and only the first few times.
            if frame is not None and struck < 20:
                struck += 1
                raise KeyboardInterrupt
        signal.signal(signal.SIGALRM, strike)
        loop = asyncio.new_event_loop()
        async def start():
            return [asyncio.ensure_future(job) for job in jobs.storm(2000, 0.05)]
        for _ in range(100):
            tasks, struck_before = loop.run_until_complete(start()), struck
            for task in tasks:
                task._log_destroy_pending = False
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
            while sum(task.done() for task in tasks) < 2000 - (struck - struck_before):
                try:
                    loop.call_soon(loop.stop)
                    loop.run_forever()
                except KeyboardInterrupt:
                    pass
            signal.setitimer(signal.ITIMER_REAL, 0)
            arrived = [task.result() for task in tasks if task.done()]
            assert len(set(arrived)) == len(arrived) >= 2000 - (struck - struck_before)
            if struck == 20:
                break
        loop.close()
        say(struck)
        """
    )
    assert int(finished.lines[0]) > 0, "no strike ever hit a drain"
