"""Importing simul starts nothing and patches nothing."""

from __future__ import annotations


def test_importing_starts_no_thread_and_patches_nothing(child):
    finished = child(
        """
        import asyncio.events, asyncio.runners, asyncio.tasks, asyncio.base_events, selectors, socket, logging
        modules = [asyncio, asyncio.events, asyncio.runners, asyncio.tasks, asyncio.base_events, threading, signal,
                   selectors, socket, contextlib, warnings, logging]
        def surface():
            seen = {}
            for module in modules:
                for name, value in vars(module).items():
                    seen[module.__name__, name] = id(value)
                    if isinstance(value, type):
                        for inner, member in vars(value).items():
                            seen[module.__name__, name, inner] = id(member)
            return seen
        def state():
            return dict(
                os_threads=len(os.listdir("/proc/self/task")),
                threads=threading.enumerate(),
                signals=[signal.getsignal(number) for number in sorted(signal.valid_signals())],
                filters=list(warnings.filters),
                hooks=(sys.excepthook, sys.unraisablehook, threading.excepthook, sys.displayhook),
                descriptors=sorted(os.listdir("/proc/self/fd")),
                loggers=len(logging.root.handlers),
                environment=dict(os.environ),
            )
        surface(); state()
        before = surface(), state()
        import simul
        after = surface(), state()
        assert len(before[0]) > 1000, len(before[0])
        changed = {name for name in before[0].keys() | after[0].keys() if before[0].get(name) != after[0].get(name)}
        changed = {name for name in changed if name[-1] not in ("__warningregistry__", "_cache", "_abc_impl")}
        assert not changed, changed
        assert before[1] == after[1], (before[1], after[1])
        assert "nest_asyncio" not in sys.modules
        say(len(before[0]))
        """
    )
    assert int(finished.lines[0]) > 1000


def test_looking_at_every_public_name_starts_no_thread(child):
    finished = child(
        """
        import simul
        for name in simul.__all__:
            getattr(simul, name)
        assert len(os.listdir("/proc/self/task")) == 1
        say(len(simul.__all__))
        """
    )
    assert int(finished.lines[0]) >= 8


def test_the_first_call_starts_the_engine_and_shutdown_ends_it(child):
    child(
        """
        import simul
        from simul.testing import jobs
        tasks = lambda: len(os.listdir("/proc/self/task"))
        assert jobs.ready(1).wait() == 1
        assert tasks() > 1
        simul.shutdown()
        # Who was joined has run its last line; the kernel takes it off its list a moment later.
        while tasks() > 1:
            os.sched_yield()
        assert jobs.ready(2).wait() == 2
        simul.shutdown()
        simul.shutdown()
        """
    )


def test_shutdown_ends_pending_jobs_and_says_so(child, far_end):
    child(
        """
        import simul
        from simul.testing import jobs
        host, port = arguments[0], int(arguments[1])
        job = jobs.tcp_read(host, port)
        entered = threading.Event()
        outcomes = []
        def wait():
            entered.set()
            try:
                job.wait()
            except simul.SimulError as error:
                outcomes.append(error)
        thread = threading.Thread(target=wait)
        thread.start()
        entered.wait()
        simul.shutdown()
        thread.join()
        assert isinstance(outcomes[0], (simul.ClosedError, simul.CancelledError)), outcomes
        assert job.done()
        """,
        *far_end.address,
    )
    far_end.wait_closed(far_end.accepted)


def test_setup_async_starts_the_engine_once_and_warns_of_other_workers(child):
    child(
        """
        import simul
        simul.setup_async(workers=1)
        tasks = len(os.listdir("/proc/self/task"))
        assert tasks > 1
        simul.setup_async()
        simul.setup_async(workers=1)
        assert len(os.listdir("/proc/self/task")) == tasks
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            simul.setup_async(workers=2)
        assert len(seen) == 1 and "workers" in str(seen[0].message), seen
        for wrong in (0, -1):
            try:
                simul.setup_async(workers=wrong)
            except ValueError:
                pass
            else:
                raise SystemExit(f"workers={wrong} was taken")
        from simul.testing import jobs
        assert jobs.ready(1).wait() == 1
        """
    )


def test_setup_async_works_inside_a_running_loop_and_at_the_top_of_every_module(child):
    child(
        """
        import simul
        simul.setup_async()
        async def main():
            simul.setup_async()
            from simul.testing import jobs
            return await jobs.ready(1)
        assert asyncio.run(main()) == 1
        simul.setup_async()
        """
    )


def test_simul_says_why_a_subinterpreter_cannot_import_it(child):
    finished = child(
        """
        import simul.testing
        try:
            try:
                import _interpreters as interpreters
            except ImportError:
                import _xxsubinterpreters as interpreters
            one = interpreters.create()
            lines = ["try:", " import simul.testing", "except ImportError as error:", " print(error, flush=True)"]
            source = chr(10).join(lines)
            failed = interpreters.run_string(one, source)
            if failed:
                print(failed)
            interpreters.destroy(one)
        except ImportError:
            print("no subinterpreters here: subinterpreter")
        """
    )
    assert "subinterpreter" in finished.out
