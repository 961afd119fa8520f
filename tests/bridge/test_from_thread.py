"""simul.from_thread: from a worker back to the loop that awaits it."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

import simul
from tests.job.far_end import PATIENCE_SECONDS

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def test_a_coroutine_runs_on_the_parents_loop_in_a_task_of_its_own(run):
    async def main():
        here = asyncio.get_running_loop()
        future = here.create_future()
        here.call_soon(future.set_result, "bound to this loop")

        async def there(*args, **kwargs):
            assert asyncio.current_task() is not task
            return asyncio.get_running_loop() is here, await future, args, kwargs

        task = asyncio.current_task()
        return await simul.to_thread(lambda: simul.from_thread.run(there, 1, two=2))

    assert run(main) == (True, "bound to this loop", (1,), {"two": 2})


def test_a_plain_function_runs_on_the_loops_thread(run):
    async def main():
        event = asyncio.Event()
        await simul.to_thread(simul.from_thread.run_sync, event.set)
        thread = await simul.to_thread(simul.from_thread.run_sync, threading.get_ident)
        return event.is_set(), thread == threading.get_ident()

    assert run(main) == (True, True)


def test_elsewhere_it_says_what_to_do(in_thread):
    for call in (
        lambda: simul.from_thread.run(asyncio.sleep, 0),
        lambda: simul.from_thread.run_sync(int),
        simul.from_thread.check_cancelled,
    ):
        with pytest.raises(RuntimeError, match="Portal"):
            in_thread(call).join()


@pytest.mark.parametrize("sync", [False, True])
def test_errors_come_back_as_the_same_object_with_few_frames_of_ours(run, sync):
    error = ValueError("from the loop")

    def fail():
        raise error

    async def fail_there():
        await asyncio.sleep(0)
        raise error

    def work():
        try:
            simul.from_thread.run_sync(fail) if sync else simul.from_thread.run(fail_there)
        except ValueError as caught:
            frames = []
            traceback = caught.__traceback__
            while traceback is not None:
                frames.append(traceback.tb_frame.f_code.co_filename)
                traceback = traceback.tb_next
            return caught is error, sum("simul" in name and "tests" not in name for name in frames)

    same, ours = run(simul.to_thread, work)
    assert same
    assert ours <= 4


def test_context_crosses_both_ways_and_tokens_reset_on_either_side(run):
    async def there():
        seen = variable.get()
        return seen, variable.set("loop")

    async def undo(token):
        variable.reset(token)

    def work():
        variable.set("worker")
        seen, token = simul.from_thread.run(there)
        after = variable.get()
        simul.from_thread.run(undo, token)
        return seen, after, variable.get()

    async def main():
        variable.set("task")
        result = await simul.to_thread(work)
        return result, variable.get()

    assert run(main) == (("worker", "loop", "worker"), "worker")


def test_a_context_that_the_function_entered_itself_is_copied_there_and_back(run):
    async def there():
        seen = variable.get()
        variable.set("loop")
        return seen

    def work():
        def inside():
            variable.set("inner")
            return simul.from_thread.run(there), variable.get()

        return contextvars.copy_context().run(inside), variable.get()

    assert run(simul.to_thread, work) == (("inner", "loop"), "unset")


def test_a_cancel_crosses_to_the_coroutine_and_its_finally_runs(run):
    entered, order = asyncio.Event, []

    async def main():
        began = entered()

        async def stay():
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                order.append("coroutine")

        async def clean():
            order.append("cleaned on the loop")

        def work():
            try:
                simul.from_thread.run(stay)
            finally:
                order.append("worker")
                simul.from_thread.run(clean)

        task = asyncio.create_task(simul.to_thread(work))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        order.append("await")

    run(main)
    assert order == ["coroutine", "worker", "cleaned on the loop", "await"]


def test_a_cancel_that_nobody_has_seen_is_raised_by_the_next_call_once(run):
    entered, leave, seen = threading.Event(), threading.Event(), []

    async def there():
        return "ran"

    def work():
        entered.set()
        assert leave.wait(PATIENCE_SECONDS)
        try:
            simul.from_thread.run(there)
        except asyncio.CancelledError:
            seen.append("cancelled")
        seen.append(simul.from_thread.run(there))

    async def main():
        task = asyncio.create_task(simul.to_thread(work))
        await asyncio.to_thread(entered.wait)
        task.cancel()
        leave.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)
    assert seen == ["cancelled", "ran"]


@pytest.mark.parametrize("abandon", [False, True])
def test_a_plain_function_runs_on_the_loop_also_after_a_cancel_which_run_still_raises(run, abandon):
    entered, leave, seen = threading.Event(), threading.Event(), []

    def work(told):
        entered.set()
        assert leave.wait(PATIENCE_SECONDS)
        simul.from_thread.run_sync(seen.append, "ran")
        try:
            simul.from_thread.run(asyncio.sleep, 0)
        except asyncio.CancelledError:
            seen.append("cancelled")
        simul.from_thread.run_sync(told.set)

    async def main():
        told = asyncio.Event()
        task = asyncio.create_task(simul.to_thread(work, told, abandon_on_cancel=abandon))
        await asyncio.to_thread(entered.wait)
        task.cancel()
        await asyncio.sleep(0)
        leave.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await told.wait()

    run(main)
    assert seen == ["ran", "cancelled"]


def test_the_server_sees_the_close_when_the_awaiting_task_is_cancelled(run, far_end):
    async def read():
        reader, writer = await asyncio.open_connection(*far_end.address)
        try:
            await reader.read()
        finally:
            writer.close()

    async def main():
        task = asyncio.create_task(simul.to_thread(simul.from_thread.run, read))
        await asyncio.to_thread(far_end.wait_accepted, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(far_end.wait_closed, 1)

    run(main)


class Tokens:
    """A limiter with the four methods that a worker's loan needs."""

    def __init__(self, total):
        self.total, self.held, self.most = total, set(), 0

    async def acquire_on_behalf_of(self, borrower):
        while len(self.held) >= self.total:
            await asyncio.sleep(0)
        self._take_anyway(borrower)

    def release_on_behalf_of(self, borrower):
        self.held.remove(borrower)

    def _take_anyway(self, borrower):
        assert borrower not in self.held
        self.held.add(borrower)


@pytest.mark.parametrize("own_limiter", [True, False])
def test_sixty_four_workers_that_call_back_through_four_tokens_do_not_starve(run, own_limiter):
    limiter = Tokens(4)
    options = {"limiter": limiter} if own_limiter else {}
    if not own_limiter:
        simul._simul._worker_limits(4)

    async def handle(number):
        return await simul.to_thread(pow, number, 2, **options)

    def work(number):
        return simul.from_thread.run(handle, number)

    async def main():
        return await asyncio.gather(*(simul.to_thread(work, number, **options) for number in range(64)))

    try:
        assert run(main) == [number**2 for number in range(64)]
    finally:
        simul._simul._worker_limits()
    assert not limiter.held


def test_depth_sixty_works_with_few_threads_through_four_tokens(child):
    done = child(
        """
        import simul
        class Tokens:
            held = set()
            async def acquire_on_behalf_of(self, borrower):
                while len(self.held) >= 4:
                    await asyncio.sleep(0)
                self._take_anyway(borrower)
            def release_on_behalf_of(self, borrower):
                self.held.remove(borrower)
            def _take_anyway(self, borrower):
                self.held.add(borrower)
        limiter, threads = Tokens(), []
        async def down(depth):
            if depth == 0:
                threads.append(len(os.listdir("/proc/self/task")))
                return 0
            return await simul.to_thread(up, depth, limiter=limiter)
        def up(depth):
            return 1 + simul.from_thread.run(down, depth - 1)
        say(asyncio.run(down(60)))
        say(threads[0] <= 66)
        say(len(limiter.held))
        """
    )
    assert done.lines == ["60", "True", "0"]


def test_a_bridged_call_in_a_worker_runs_on_the_parents_loop(run):
    async def main():
        here = asyncio.get_running_loop()

        @simul.smartasync
        async def bridged():
            await asyncio.sleep(0)
            return asyncio.get_running_loop() is here

        return await simul.to_thread(bridged)

    assert run(main) is True


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_worker_whose_loop_was_closed_hears_it_before_and_during_a_call(child, kind):
    if kind == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop has no build for this interpreter")
    done = child(
        """
        import simul
        kind = arguments[0]
        entered, leave, ended = threading.Event(), threading.Event(), threading.Event()
        async def stay():
            entered.set()
            await asyncio.Event().wait()
        def during():
            try:
                simul.from_thread.run(stay)
            except simul.ClosedError:
                say("during")
            leave.wait()
            try:
                simul.from_thread.run(stay)
            except simul.ClosedError:
                say("before")
            try:
                simul.from_thread.run_sync(int)
            except simul.ClosedError:
                say("sync")
            ended.set()
        loop = new_loop(kind)
        async def main():
            task = asyncio.ensure_future(simul.to_thread(during))
            task._log_destroy_pending = False
            await asyncio.get_running_loop().run_in_executor(None, entered.wait)
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        leave.set()
        ended.wait()
        """,
        kind,
    )
    assert done.lines == ["during", "before", "sync"]


def test_an_abandoned_worker_of_an_ended_run_hears_that_its_loop_is_closed(child):
    done = child(
        """
        import simul
        entered, leave, ended = threading.Event(), threading.Event(), threading.Event()
        async def there():
            pass
        def work():
            entered.set()
            leave.wait()
            try:
                simul.from_thread.run(there)
            except asyncio.CancelledError:
                say("told of the cancel")
            except simul.ClosedError:
                say("closed")
            ended.set()
        async def main():
            asyncio.create_task(simul.to_thread(work, abandon_on_cancel=True))
            await asyncio.to_thread(entered.wait)
        asyncio.run(main())
        leave.set()
        ended.wait()
        """
    )
    assert done.lines == ["closed"]


def test_a_running_function_is_waited_for_at_exit_unless_it_was_abandoned(child):
    done = child(
        """
        import simul
        entered, leave = threading.Event(), threading.Event()
        def finish():
            entered.set()
            leave.wait()
            say("finished")
        def stay():
            entered.set()
            threading.Event().wait()
        async def main(function, **options):
            entered.clear()
            task = asyncio.ensure_future(simul.to_thread(function, **options))
            task._log_destroy_pending = False
            await asyncio.get_running_loop().run_in_executor(None, entered.wait)
            return task
        async def abandon():
            task = await main(stay, abandon_on_cancel=True)
            task.cancel()
        asyncio.run(abandon())
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main(finish))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        import atexit
        atexit.register(leave.set)
        say("exit")
        """
    )
    assert done.lines == ["exit", "finished"]


def test_a_forked_child_starts_without_workers_and_makes_its_own(child):
    done = child(
        """
        import simul
        async def main():
            return await simul.to_thread(threading.current_thread)
        say(asyncio.run(main()).name)
        pid = os.fork()
        if pid == 0:
            say(simul._simul._worker_statistics()["threads"], asyncio.run(main()).name)
            os._exit(0)
        os.waitpid(pid, 0)
        say(asyncio.run(main()).name)
        """,
        options=("-W", "ignore::DeprecationWarning"),
    )
    assert done.lines == ["simul-worker-1", "0 simul-worker-1", "simul-worker-1"]


def test_a_function_may_fork_and_the_child_is_on_its_own(child):
    done = child(
        """
        import simul
        async def there():
            pass
        def work():
            pid = os.fork()
            if pid == 0:
                try:
                    simul.from_thread.run(there)
                except simul.ForkedError:
                    say("child")
                os._exit(0)
            os.waitpid(pid, 0)
            return "parent"
        say(asyncio.run(simul.to_thread(work)))
        """,
        options=("-W", "ignore::DeprecationWarning"),
    )
    assert done.lines == ["child", "parent"]


def test_ctrl_c_cancels_the_await_and_the_worker_hears_it(starting_child):
    import signal

    running = starting_child(
        """
        import simul
        async def stay():
            say("in")
            try:
                await asyncio.Event().wait()
            finally:
                say("coroutine cleaned")
        def work():
            try:
                simul.from_thread.run(stay)
            finally:
                say("worker cleaned")
        try:
            asyncio.run(simul.to_thread(work))
        except KeyboardInterrupt:
            say("interrupted")
        say(asyncio.run(simul.to_thread(int, "7")))
        """
    )
    running.expect("in")
    running.signal(signal.SIGINT)
    for line in ("coroutine cleaned", "worker cleaned", "interrupted", "7"):
        running.expect(line)
    finished = running.finish()
    assert (finished.code, finished.err) == (0, "")
