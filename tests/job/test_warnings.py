"""When a forgotten Job warns, and when it must not."""

from __future__ import annotations

import pytest


def test_a_run_that_ends_warns_of_no_job(child, far_end):
    child(
        """
        from simul.testing import jobs
        host, port = arguments[0], int(arguments[1])
        async def main():
            kept.append(jobs.tcp_read(host, port))
            asyncio.create_task(jobs.tcp_read(host, port))
            await asyncio.sleep(0)
        kept = []
        asyncio.run(main())
        say(len(kept))
        """,
        *far_end.address,
        options=("-W", "error", "-X", "dev"),
    )


@pytest.mark.parametrize(
    "held", ["in a global", "in a cycle", "in a class", "in a thread local", "by nobody but a task"]
)
def test_exit_warns_of_no_job(child, far_end, held):
    child(
        """
        from simul.testing import jobs
        held, host, port = arguments[0], arguments[1], int(arguments[2])
        class Holder: pass
        job = jobs.tcp_read(host, port)
        if held == "in a global":
            keep = job
        elif held == "in a cycle":
            keep = Holder(); keep.me, keep.job = keep, job
        elif held == "in a class":
            Holder.job = job
        elif held == "in a thread local":
            local = threading.local(); local.job = job
        else:
            loop = asyncio.new_event_loop()
            task = loop.create_task(job)
            task._log_destroy_pending = False
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
        del job
        """,
        held,
        *far_end.address,
        options=("-X", "dev"),
    )
    far_end.wait_closed(far_end.accepted)


def test_a_forgotten_job_warns_where_python_shows_such_warnings(starting_child):
    child = starting_child(
        """
        warnings.simplefilter("always")
        from simul.testing import jobs
        jobs.sleep(60)
        """
    )
    finished = child.finish()
    assert finished.code == 0
    assert "ResourceWarning" in finished.err
    assert "jobs.sleep(60)" in finished.err or ".py:" in finished.err
    assert "Traceback" not in finished.err


def test_a_forgotten_job_is_silent_by_default_as_python_is(child):
    child(
        """
        warnings.resetwarnings()
        warnings.simplefilter("ignore", ResourceWarning)
        from simul.testing import jobs
        jobs.sleep(60)
        gc.collect()
        """
    )


def test_a_forgotten_failure_says_nothing(child):
    """Nobody asked for it: its error is dropped with it."""
    child(
        """
        from simul.testing import jobs
        job = jobs.fail("Invalid", "nobody looks")
        seen = threading.Event()
        job.add_done_callback(lambda _: seen.set())
        assert seen.wait(60)
        del job
        gc.collect()
        """
    )


def test_the_warning_as_an_error_in_a_destructor_is_reported_and_the_work_still_ends(starting_child, far_end):
    child = starting_child(
        """
        from simul.testing import jobs
        host, port = arguments[0], int(arguments[1])
        job = jobs.tcp_read(host, port)
        sys.stdin.readline()
        seen = []
        sys.unraisablehook = lambda args: seen.append(args.exc_type)
        del job
        say(*[kind.__name__ for kind in seen])
        sys.stdin.readline()
        """,
        *far_end.address,
    )
    far_end.wait_accepted(1)
    child.tell("drop it")
    child.expect("ResourceWarning")
    far_end.wait_closed(1)
    assert child.finish().code == 0
