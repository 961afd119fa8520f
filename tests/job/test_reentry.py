"""simul called from places where simul already runs: handlers, destructors, callbacks, forks in odd places."""

from __future__ import annotations

from .test_fork import FORK, source


def test_a_signal_handler_may_wait_for_another_job(child):
    child(
        """
        from simul.testing import jobs
        values = []
        signal.signal(signal.SIGALRM, lambda *_: values.append(jobs.sleep(0.001, "inner").wait()))
        outer = jobs.sleep(1.0, "outer")
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert outer.wait() == "outer"
        assert values == ["inner"], values
        """
    )


def test_a_signal_handler_may_wait_for_the_same_job(child):
    child(
        """
        from simul.testing import jobs
        values, struck = [], threading.Event()
        def strike(*_):
            struck.set()
            values.append(outer.wait())
        def release():
            struck.wait()
            gate.cancel()
        signal.signal(signal.SIGALRM, strike)
        gate, (outer,) = jobs.gated(1)
        threading.Thread(target=release).start()
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert outer.wait() == 0
        assert values == [0], values
        """
    )


def test_a_signal_handler_may_cancel_the_job_that_is_waited_for(child):
    child(
        """
        import simul
        from simul.testing import jobs
        outer = jobs.sleep(3600)
        signal.signal(signal.SIGALRM, lambda *_: outer.cancel())
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            outer.wait()
        except simul.CancelledError:
            say("cancelled")
        """
    )


def test_destructors_run_by_the_collector_may_use_jobs_anywhere(child):
    child(
        """
        from simul.testing import jobs
        used = []
        class Parting:
            def __init__(self, job):
                self.job, self.me = job, self
            def __del__(self):
                self.job.done(); self.job.cancel(); repr(self.job)
                used.append(jobs.ready(1).wait())
        gc.set_threshold(3)
        warnings.simplefilter("ignore")
        async def main():
            for _ in range(100):
                Parting(jobs.sleep(60))
                await jobs.sleep(0, "text")
        for kind in ("asyncio", "uvloop"):
            run(main(), kind)
        for _ in range(100):
            Parting(jobs.sleep(60))
            jobs.sleep(0, "text").wait()
        gc.collect()
        assert len(used) == 300, len(used)
        """
    )


def test_a_fork_in_a_thread_leaves_a_child_that_works(child):
    child(
        source(
            """
            job = jobs.sleep(60)
            codes = []
            def work():
                assert jobs.sleep(0.001, 1).wait() == 1
                assert asyncio.run(jobs.sleep(0.001, 2)) == 2
            thread = threading.Thread(target=lambda: codes.append(in_child(work)))
            thread.start()
            thread.join()
            assert codes == [0], codes
            assert not job.done()
            job.cancel()
            """
        ),
        options=FORK,
    )


def test_a_fork_in_a_callback_on_the_dispatcher_leaves_a_child_that_works(child):
    child(
        source(
            """
            codes, done = [], threading.Event()
            def work():
                assert jobs.sleep(0.001, 1).wait() == 1
                inner = threading.Event()
                job = jobs.sleep(0.001, 2)
                job.add_done_callback(lambda _: inner.set())
                assert inner.wait(60)
            def callback(_):
                codes.append(in_child(work))
                done.set()
            job = jobs.sleep(0.001)
            job.add_done_callback(callback)
            assert done.wait(60)
            assert codes == [0], codes
            """
        ),
        options=FORK,
    )


def test_a_child_that_goes_on_with_its_parents_loop_is_told_to_make_its_own(child):
    child(
        source(
            """
            async def main():
                assert await jobs.sleep(0.001, 1) == 1
                pid = os.fork()
                if pid == 0:
                    try:
                        await jobs.sleep(0.001, 2)
                    except (simul.ForkedError, RuntimeError) as error:  # asyncio itself forgets its loop in a child
                        os._exit(0 if "loop" in str(error) else 3)
                    finally:
                        os._exit(4)
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
                return await jobs.sleep(0.001, 3)
            assert asyncio.run(main()) == 3
            """
        ),
        options=FORK,
    )


def test_a_wait_that_a_fork_interrupts_goes_on_in_the_parent(child):
    """The fork happens in a signal handler, in the middle of wait()."""
    child(
        source(
            """
            codes = []
            def work():
                assert jobs.ready(1).wait() == 1
                try:
                    outer.wait()
                except simul.ForkedError:
                    return
                raise AssertionError("the parent's job ended in the child")
            signal.signal(signal.SIGALRM, lambda *_: codes.append(in_child(work)))
            outer = jobs.sleep(1.0, "outer")
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            assert outer.wait() == "outer"
            assert codes == [0], codes
            """
        ),
        options=FORK,
    )


def test_a_child_that_returns_into_the_wait_of_its_parent_gets_forked(child):
    child(
        source(
            """
            gate, (outer,) = jobs.gated(1)
            pids = []
            def strike(*_):
                pids.append(os.fork())
                if pids[0]:
                    gate.cancel()
            signal.signal(signal.SIGALRM, strike)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            try:
                value = outer.wait()
            except simul.ForkedError:
                os._exit(0 if pids == [0] else 5)
            if pids == [0]:
                os._exit(6)
            assert value == 0
            assert os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]) == 0
            """
        ),
        options=FORK,
    )


def test_a_recursion_error_at_an_await_leaves_everything_usable(child):
    child(
        """
        from simul.testing import jobs
        async def deep(level):
            if level == 0:
                return await jobs.sleep(0.0001, "bottom")
            return await deep(level - 1)
        async def main():
            limit = sys.getrecursionlimit()
            failed = worked = 0
            for level in range(limit - 120, limit + 20):
                try:
                    assert await deep(level) == "bottom"
                    worked += 1
                except RecursionError:
                    failed += 1
            assert failed and worked, (failed, worked)
            return await jobs.sleep(0.001, "fine")
        assert asyncio.run(main()) == "fine"
        gc.collect()
        """,
        options=("-W", "ignore::ResourceWarning"),
    )
