"""Forking with Jobs in flight: the child works, the parent never notices."""

from __future__ import annotations

import textwrap

import pytest

from .gunicorn_server import answers

# From 3.12 on Python warns of any fork beside threads; that is what this file is about.
FORK = ("-W", "ignore:This process:DeprecationWarning")

FORKED = """
    import simul
    from simul.testing import jobs

    def in_child(work):
        '''Runs `work` in a forked child and gives its exit code.'''
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                work()
                code = 0
            except BaseException:
                import traceback
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""


def source(text):
    return textwrap.dedent(FORKED) + textwrap.dedent(text)


def fork_beside_work(child, far_end):
    """Lets a process fork while 20 reads are in flight; the far end must see that the parent's go on, and end well."""
    child.expect("in flight")
    far_end.wait_accepted(20)
    child.tell("fork")
    child.expect("child ended")
    assert far_end.closed == 0
    assert far_end.answer(b"answered") == 20
    child.expect("all finished")
    finished = child.finish()
    assert (finished.code, finished.err) == (0, "")


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_fork_with_twenty_jobs_in_flight(starting_child, far_end, kind):
    child = starting_child(
        source(
            """
            host, port, kind = arguments[0], int(arguments[1]), arguments[2]
            assert run(jobs.sleep(0.001, "warm"), kind) == "warm"
            done = jobs.ready("finished before")
            done.wait()
            failed = jobs.fail("NotFound", "failed before")
            try:
                failed.wait()
            except simul.SimulError:
                pass
            pending = [jobs.tcp_read(host, port) for _ in range(20)]
            say("in flight")
            sys.stdin.readline()

            def work():
                async def main():
                    assert await jobs.sleep(0.001, "new") == "new"
                    assert await done == "finished before"
                    try:
                        await pending[0]
                    except simul.ForkedError:
                        pass
                    else:
                        raise AssertionError("an inherited pending job gave a value")
                    return await asyncio.gather(*[jobs.sleep(0, n) for n in range(50)])
                assert jobs.ready("new").wait() == "new"
                assert jobs.sleep(0.001, "timer").wait() == "timer"
                assert done.wait() == done.result() == "finished before"
                try:
                    failed.result()
                except simul.SimulError as error:
                    assert "failed before" in str(error)
                for job in pending:
                    repr(job), job.cr_running, bool(job)
                    try:
                        job.wait()
                    except simul.ForkedError as error:
                        assert isinstance(error, simul.SimulError)
                    else:
                        raise AssertionError("an inherited pending job gave a value")
                    job.cancel()
                assert run(main(), kind) == list(range(50))
                assert jobs.child(["/bin/sh", "-c", "exit 3"]).wait() == 3
                pending.clear()
                gc.collect()
                simul.shutdown()
                assert jobs.ready("after shutdown").wait() == "after shutdown"

            assert in_child(work) == 0
            say("child ended")
            for job in pending:
                assert job.wait() == b"answered"
            say("all finished")
            """
        ),
        *far_end.address,
        kind,
        options=FORK,
    )
    fork_beside_work(child, far_end)


def test_a_fork_inside_a_running_loop_leaves_the_parents_tasks_their_results(starting_child, far_end):
    child = starting_child(
        source(
            """
            host, port = arguments[0], int(arguments[1])
            def work():
                assert jobs.ready(1).wait() == 1
            async def main():
                tasks = [asyncio.create_task(jobs.tcp_read(host, port)) for _ in range(20)]
                await asyncio.sleep(0)
                say("in flight")
                sys.stdin.readline()
                pid = os.fork()
                if pid == 0:
                    # A child that leaves the loop alone, as multiprocessing does.
                    try:
                        simul.testing.statistics()
                        asyncio.events._set_running_loop(None)
                        code = 0 if jobs.sleep(0.001, 1).wait() == 1 else 1
                        code = code or (0 if asyncio.run(jobs.sleep(0.001, 2)) == 2 else 2)
                    except BaseException:
                        import traceback
                        traceback.print_exc()
                        code = 70
                    os._exit(code)
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
                say("child ended")
                assert await asyncio.gather(*tasks) == [b"answered"] * 20
                say("all finished")
            asyncio.run(main())
            """
        ),
        *far_end.address,
        options=FORK,
    )
    fork_beside_work(child, far_end)


def test_a_fork_while_threads_are_inside_the_engine(child):
    """Whatever lock is held at the moment of the fork, the child works."""
    finished = child(
        source(
            """
            stop = threading.Event()
            def busy():
                while not stop.is_set():
                    made = jobs.storm(20, 0.0001)
                    for job in made[:10]:
                        job.cancel()
                    for job in made[10:]:
                        job.wait()
            def busy_loop():
                async def main():
                    while not stop.is_set():
                        await asyncio.gather(*jobs.storm(20, 0.0001))
                asyncio.run(main())
            threads = [threading.Thread(target=target) for target in (busy, busy, busy_loop)]
            for thread in threads:
                thread.start()
            def work():
                assert jobs.sleep(0.0001, 1).wait() == 1
                assert asyncio.run(jobs.sleep(0.0001, 2)) == 2
                gc.collect()
            codes = [in_child(work) for _ in range(40)]
            stop.set()
            for thread in threads:
                thread.join()
            assert codes == [0] * 40, codes
            say(len(codes))
            """
        ),
        options=FORK,
    )
    assert finished.lines == ["40"]


def test_a_child_of_a_child_works_and_each_generation_forks_its_own(child):
    child(
        source(
            """
            first = jobs.sleep(60)
            def grandchild():
                try:
                    first.wait()
                except simul.ForkedError:
                    pass
                try:
                    second.wait()
                except simul.ForkedError:
                    pass
                assert jobs.ready(3).wait() == 3
            def work():
                global second
                second = jobs.sleep(60)
                assert jobs.ready(2).wait() == 2
                assert in_child(grandchild) == 0
                assert not second.done()
                second.cancel()
            assert in_child(work) == 0
            assert not first.done()
            first.cancel()
            """
        ),
        options=FORK,
    )


def test_a_child_that_never_uses_simul_ends_cleanly(child, far_end):
    """It exits in the ordinary way, through its own atexit hooks, with inherited jobs in its globals."""
    child(
        source(
            """
            host, port = arguments[0], int(arguments[1])
            pending = [jobs.tcp_read(host, port) for _ in range(20)]
            pid = os.fork()
            if pid == 0:
                sys.exit(5)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
            for job in pending:
                job.cancel()
            """
        ),
        *far_end.address,
        options=FORK,
    )


def test_a_child_does_not_close_or_use_the_parents_sockets(starting_child, far_end):
    child = starting_child(
        source(
            """
            host, port = arguments[0], int(arguments[1])
            job = jobs.tcp_read(host, port)
            say("in flight")
            sys.stdin.readline()
            def work():
                global job
                del job
                gc.collect()
                assert jobs.ready(1).wait() == 1
            assert in_child(work) == 0
            say("child ended")
            assert job.wait() == b"mine"
            """
        ),
        *far_end.address,
        options=FORK,
    )
    child.expect("in flight")
    far_end.wait_accepted(1)
    child.tell("fork")
    child.expect("child ended")
    assert far_end.closed == 0
    far_end.answer(b"mine")
    assert child.finish().code == 0


GUNICORN_APP = """
import asyncio, os
import simul
from simul.testing import jobs

simul.setup_async()
warm = jobs.ready("loaded before the fork").wait()
inherited = jobs.sleep(3600).detach()

def application(environ, start_response):
    try:
        inherited.wait(0)
        late = "a value"
    except simul.ForkedError:
        late = "ForkedError"
    values = [jobs.sleep(0.001, "blocking").wait(), asyncio.run(jobs.sleep(0.001, "awaited")), late, str(os.getpid())]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(values).encode()]
"""


def test_gunicorn_preload_serves_from_two_forked_workers(tmp_path):
    for words in answers(tmp_path, GUNICORN_APP).values():
        assert all(one == ["blocking", "awaited", "ForkedError"] for one in words), words
