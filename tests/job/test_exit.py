"""A process that ends with Jobs in flight keeps its exit code and says nothing.

SIMUL_EXITS is how many processes end here in each of the four ways; `./dev fault` sets 50.
"""

from __future__ import annotations

import os
import signal

import pytest

EXITS = int(os.environ.get("SIMUL_EXITS", "4"))
# How a process leaves: its last statement and the code that this must give.
LEAVES = [("pass", 0), ("sys.exit(7)", 7), ("raise SystemExit(3)", 3), ("os._exit(9)", 9)]


def leaves(number):
    return LEAVES[number % len(LEAVES)]


@pytest.mark.parametrize("number", range(EXITS))
def test_exit_with_fifty_jobs_in_flight(child, far_end, number):
    last, code = leaves(number)
    kind = ["no loop", "asyncio", "uvloop"][number % 3]
    child(
        f"""
        from simul.testing import jobs
        host, port, kind = arguments[0], int(arguments[1]), arguments[2]
        def start():
            return [jobs.tcp_read(host, port) for _ in range(25)] + [jobs.sleep(n / 1000) for n in range(25)]
        async def main():
            tasks = [asyncio.ensure_future(job) for job in start()]
            await asyncio.sleep(0)
            return start()
        kept = start() if kind == "no loop" else run(main(), kind)
        {last}
        """,
        *far_end.address,
        kind,
        code=code,
    )
    far_end.wait_closed(far_end.accepted)


@pytest.mark.parametrize("number", range(EXITS))
def test_exit_of_an_idle_process(child, number):
    last, code = leaves(number)
    child(
        f"""
        from simul.testing import jobs
        assert jobs.ready(1).wait() == 1
        assert run(jobs.ready(2), arguments[0]) == 2
        {last}
        """,
        ["asyncio", "uvloop"][number % 2],
        code=code,
    )


@pytest.mark.parametrize("number", range(EXITS))
def test_exit_beside_a_daemon_thread_that_starts_jobs(child, number):
    last, code = leaves(number)
    child(
        f"""
        from simul.testing import jobs
        running = threading.Event()
        def waiting():
            while True:
                for job in jobs.storm(20, 0.0001):
                    job.wait()
                running.set()
        def awaiting():
            async def main():
                while True:
                    await asyncio.gather(*jobs.storm(20, 0.0001))
                    running.set()
            asyncio.run(main())
        threading.Thread(target=[waiting, awaiting][int(arguments[0]) % 2], daemon=True).start()
        assert running.wait(60)
        {last}
        """,
        number,
        code=code,
    )


@pytest.mark.parametrize("number", range(EXITS))
def test_exit_by_sigterm(starting_child, far_end, number):
    handled = number % 2
    child = starting_child(
        """
        from simul.testing import jobs
        host, port, handled = arguments[0], int(arguments[1]), int(arguments[2])
        if handled:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(11))
        kept = [jobs.tcp_read(host, port) for _ in range(50)]
        say("in flight")
        kept[0].wait()
        """,
        *far_end.address,
        handled,
    )
    child.expect("in flight")
    far_end.wait_accepted(50)
    child.signal(signal.SIGTERM)
    finished = child.finish()
    assert (finished.code, finished.err) == (11 if handled else -signal.SIGTERM, "")
    far_end.wait_closed(50)


def test_the_number_of_exits_that_ran_is_said(capsys):
    with capsys.disabled():
        print(f"[{4 * EXITS} process exits, {EXITS} in each of 4 ways] ", end="")
    assert EXITS > 0


def test_an_error_that_ends_the_program_is_all_that_is_printed(starting_child, far_end):
    child = starting_child(
        """
        from simul.testing import jobs
        kept = [jobs.tcp_read(arguments[0], int(arguments[1])) for _ in range(50)]
        raise ValueError("the program's own")
        """,
        *far_end.address,
    )
    finished = child.finish()
    assert finished.code == 1
    assert finished.err.rstrip().endswith("ValueError: the program's own")
    assert finished.err.count("Traceback") == 1


def test_jobs_made_by_the_programs_own_exit_hooks_work_or_say_closed(child):
    """A hook registered after simul's runs before it, one registered before runs after it."""
    finished = child(
        """
        import atexit
        def late():
            import simul
            try:
                say("late", jobs.ready(1).wait())
            except simul.ClosedError:
                say("late closed")
        atexit.register(late)
        import simul
        from simul.testing import jobs
        jobs.ready(1).wait()
        atexit.register(lambda: say("early", jobs.ready(2).wait()))
        """
    )
    assert finished.lines[0] == "early 2"
    assert finished.lines[1] in ("late 1", "late closed")


def test_a_job_used_in_a_destructor_at_exit_does_not_hang_or_print(child):
    child(
        """
        import simul
        from simul.testing import jobs
        class Parting:
            def __init__(self, job):
                self.job, self.ready = job, jobs.ready
            def __del__(self):
                self.job.done(), repr(self.job)
                try:
                    self.ready(1).wait(1)
                except Exception:
                    pass  # modules may have been torn down by now; what counts is that nothing hangs or crashes
                self.job.cancel()
        keep = Parting(jobs.sleep(60))
        keep.me = keep
        """
    )


def test_exit_from_another_thread_than_main(child):
    child(
        """
        from simul.testing import jobs
        kept = [jobs.sleep(60) for _ in range(50)]
        def leave():
            sys.stdout.flush()
            os._exit(6)
        thread = threading.Thread(target=leave)
        thread.start()
        kept[0].wait()
        """,
        code=6,
    )


def test_callbacks_that_are_due_at_exit_do_not_hang_or_print(child):
    child(
        """
        from simul.testing import jobs
        made = jobs.storm(2000, 0.001)
        for job in made:
            job.add_done_callback(lambda job: job.result())
        """
    )


def test_exit_while_a_callback_waits_on_the_dispatcher(child):
    child(
        """
        from simul.testing import jobs
        entered = threading.Event()
        job = jobs.ready(1)
        def stay(_):
            entered.set()
            jobs.sleep(60).detach().wait()
        job.add_done_callback(stay)
        assert entered.wait(60)
        """
    )


def test_child_processes_are_gone_when_the_program_has_ended(starting_child, far_end):
    connect = (
        f"import socket; s=socket.create_connection(({far_end.host!r},{far_end.port})); s.sendall(b'up'); s.recv(1)"
    )
    child = starting_child(
        """
        from simul.testing import jobs
        kept = [jobs.child([sys.executable, "-c", arguments[0]]) for _ in range(3)]
        sys.stdin.readline()
        """,
        connect,
    )
    far_end.wait_accepted(3)
    child.tell("end")
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")
    far_end.wait_closed(3)


def test_child_processes_are_gone_when_the_program_was_killed(starting_child, far_end):
    connect = (
        f"import socket; s=socket.create_connection(({far_end.host!r},{far_end.port})); s.sendall(b'up'); s.recv(1)"
    )
    child = starting_child(
        """
        from simul.testing import jobs
        kept = [jobs.child([sys.executable, "-c", arguments[0]]) for _ in range(3)]
        sys.stdin.readline()
        """,
        connect,
    )
    far_end.wait_accepted(3)
    child.signal(signal.SIGKILL)
    assert child.finish().code == -signal.SIGKILL
    far_end.wait_closed(3)
