"""The loop behind a portal: its thread, its tasks, and the futures of those who wait for them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import sys
import threading
import weakref
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar

from simul.errors import ClosedError

__all__ = ["Body", "Future", "call"]

_T = TypeVar("_T")

# Far away; it is there for its end, which comes when its loop is closed.
_NEVER_SECONDS = 365 * 24 * 3600.0


class Future(concurrent.futures.Future[_T]):
    """The result of a task; cancelled only when the task has ended by a cancel, which ``cancel()`` asks for."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self._body = body
        self._task: asyncio.Task[_T] | None = None
        self._wanted = True

    def running(self) -> bool:
        """Whether the task has not ended."""
        return not self.done()

    def cancel(self) -> bool:
        """Ask the task to cancel; False if it has ended."""
        if self.done():
            return self.cancelled()
        self._wanted = False
        self._body.soon(self._cancel_task)
        return True

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def carried_by(self, task: asyncio.Task[_T]) -> None:
        """Take the outcome of this task; called on its loop."""
        self._task = task
        task.add_done_callback(self._ended)
        if not self._wanted:
            task.cancel()

    def _ended(self, task: asyncio.Task[_T]) -> None:
        self._task = None
        self._body.forget(self, task)
        if self.done():
            return
        if task.cancelled():
            super().cancel()
            self.set_running_or_notify_cancel()
        elif (error := task.exception()) is not None:
            self.set_exception(error)
        elif isinstance(result := task.result(), _Exit):
            self.set_exception(result.error)
        else:
            self.set_result(result)

    def fail(self, error: BaseException) -> None:
        """End without the task."""
        if not self.done():
            self.set_exception(error)


class _Sentinel:
    """Held by a loop alone: its end is the loop's."""

    __slots__ = ("__weakref__",)

    def __call__(self) -> None:
        """Wait for ever."""


class Body:
    """A loop that other threads reach; it runs on a thread of ours, or on somebody's who has lent it."""

    def __init__(self) -> None:
        self.ended = False
        self.thread: threading.Thread | None = None
        self.thread_id = 0
        self.event_loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._futures: set[Future[Any]] = set()
        self._stop: asyncio.Event | None = None
        self._cancel = False
        self._sentinel: weakref.ref[_Sentinel] | None = None

    @classmethod
    def on_a_thread(cls, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> Body:
        """Start a loop on a thread of its own; returns when it runs."""
        body = cls()
        ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        target, name = body._serve, "simul-portal"
        if sys.version_info >= (3, 14):
            thread = threading.Thread(
                target=target, args=(loop_factory, ready), name=name, daemon=True, context=Context()
            )
        else:
            thread = threading.Thread(target=target, args=(loop_factory, ready), name=name, daemon=True)
        body.thread = thread
        thread.start()
        ready.result()
        return body

    def _serve(
        self, loop_factory: Callable[[], asyncio.AbstractEventLoop], ready: concurrent.futures.Future[None]
    ) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(self._until_stopped(ready))
        except BaseException as error:  # noqa: BLE001  (a loop that could not be made: its caller hears of it)
            if not ready.done():
                ready.set_exception(error)
        finally:
            self.end()

    async def _until_stopped(self, ready: concurrent.futures.Future[None]) -> None:
        self.opened_here()
        self._stop = asyncio.Event()
        ready.set_result(None)
        await self._stop.wait()
        await self.drain(cancel=self._cancel)

    def opened_here(self) -> None:
        """The running loop of this thread is the one."""
        self.event_loop = asyncio.get_running_loop()
        self.thread_id = threading.get_ident()
        sentinel = _Sentinel()
        self.event_loop.call_later(_NEVER_SECONDS, sentinel, context=Context())
        this = weakref.ref(self)

        def loop_closed(_: object) -> None:
            body = this()
            if body is not None:
                body.end()

        self._sentinel = weakref.ref(sentinel, loop_closed)

    def soon(self, function: Callable[[], object]) -> None:
        """Call a function on the loop; not if it is closed."""
        try:
            if self.event_loop is not None:
                self.event_loop.call_soon_threadsafe(function, context=Context())
        except RuntimeError:
            self.end()

    def spawn(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], context: Context
    ) -> Future[Any]:
        """Call a function in a task of the loop; from any thread."""
        future: Future[Any] = Future(self)
        self._futures.add(future)

        def start() -> None:
            event_loop = self.event_loop
            if event_loop is None or future.done():
                return
            try:
                task: asyncio.Task[Any] = event_loop.create_task(call(function, args, kwargs), context=context)
            except BaseException as error:  # noqa: BLE001  (it goes to whoever waits)
                future.fail(error)
                return
            self._tasks.add(task)
            future.carried_by(task)

        self.soon(start)
        if self.ended:
            future.fail(closed())
        return future

    def forget(self, future: Future[Any], task: asyncio.Task[Any]) -> None:
        """This task has ended."""
        self._futures.discard(future)
        self._tasks.discard(task)

    async def drain(self, *, cancel: bool) -> None:
        """Wait for the tasks, on the loop; then there is no way in any more."""
        while waiting := self._tasks - {asyncio.current_task()}:
            if cancel:
                for task in waiting:
                    task.cancel()
            await asyncio.wait(waiting)
        self.end()

    def stop(self, *, cancel: bool) -> None:
        """End the loop and its thread, from another one."""
        thread, event_loop, stop = self.thread, self.event_loop, self._stop
        if thread is None or event_loop is None or stop is None:
            return
        self._cancel = cancel
        self.soon(stop.set)
        try:
            thread.join()
        except BaseException:
            # Ctrl-C while tasks are waited for: they are wanted no longer.
            self._cancel = True
            self.soon(self._cancel_all)
            thread.join()
            raise

    def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()

    def end(self) -> None:
        """Whoever waits still hears that the loop is gone."""
        self.ended = True
        while self._futures:
            self._futures.pop().fail(closed())


async def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a coroutine function, or a plain one."""
    try:
        result = function(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result
    except (SystemExit, KeyboardInterrupt) as error:
        # A task would raise it through the loop, which serves others too.
        return _Exit(error)


class _Exit:
    """What would end the loop's thread."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def closed() -> ClosedError:
    """What callers of a closed portal get."""
    return ClosedError("this portal is closed, or its loop has ended: make a new Portal")
