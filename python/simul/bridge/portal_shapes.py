"""Async context managers and async generators in plain code, each in one task of a portal's loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, TypeVar

from simul.bridge.portal_loop import closed

__all__ = ["Manager", "steps"]

_T = TypeVar("_T")
_Y = TypeVar("_Y")


class Way(Protocol):
    """What a portal does for us."""

    def start_soon(self, function: Callable[..., Any], /, *args: Any) -> concurrent.futures.Future[Any]:
        """Call a function on the loop."""
        ...

    def wait_for(self, future: concurrent.futures.Future[_T]) -> _T:
        """Wait for a future, unless this is the loop's own thread."""
        ...

    def soon(self, function: Callable[[], object]) -> None:
        """Call a function on the loop, and forget it."""


class Manager(AbstractContextManager[_T, bool]):
    """``with`` for an async context manager: entered and left in one task."""

    def __init__(self, way: Way, manager: AbstractAsyncContextManager[_T, Any]) -> None:
        self._way = way
        self._manager = manager
        self._entered: concurrent.futures.Future[_T] = concurrent.futures.Future()
        self._leave: asyncio.Future[BaseException | None] | None = None
        self._task: concurrent.futures.Future[bool] | None = None

    async def _hold(self) -> bool:
        leave = self._leave = asyncio.get_running_loop().create_future()
        async with self._manager as value:
            self._entered.set_result(value)
            error = await leave
            if error is not None:
                raise error
            return False
        return True

    def __enter__(self) -> _T:
        self._task = self._way.start_soon(self._hold)
        self._task.add_done_callback(self._failed)
        try:
            return self._way.wait_for(self._entered)
        except BaseException:
            self._task.cancel()
            raise

    def _failed(self, task: concurrent.futures.Future[bool]) -> None:
        if self._entered.done():
            return
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self._entered.set_exception(error or RuntimeError("the context manager was not entered"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        leave, task = self._leave, self._task
        if leave is None or task is None:
            raise RuntimeError("this context manager has not been entered")
        self._way.soon(lambda: None if leave.done() else leave.set_result(error))
        try:
            return self._way.wait_for(task)
        except BaseException as raised:
            if raised is error:
                return False
            raise


class _Server:
    """The one task in which a generator's steps run."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._queue: asyncio.Queue[tuple[Callable[..., Awaitable[Any]], tuple[Any, ...], Any] | None] | None = None
        self._ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._reply: concurrent.futures.Future[Any] | None = None
        self._task = way.start_soon(self._serve)
        self._task.add_done_callback(self._ended)

    async def _serve(self) -> None:
        queue = self._queue = asyncio.Queue()
        self._ready.set_result(None)
        while (command := await queue.get()) is not None:
            step, args, reply = command
            try:
                value = await step(*args)
            except BaseException as error:
                # No generator may raise it into a coroutine; and it is no outcome of a future either.
                reply.set_exception(error)
                if isinstance(error, asyncio.CancelledError):
                    raise
            else:
                reply.set_result(value)
            del command, step, args, reply

    def _ended(self, _task: concurrent.futures.Future[None]) -> None:
        for waiting in (self._ready, self._reply):
            if waiting is not None and not waiting.done():
                waiting.set_exception(closed())

    def step(self, function: Callable[..., Awaitable[_T]], *args: Any) -> _T:
        self._way.wait_for(self._ready)
        queue = self._queue
        reply: concurrent.futures.Future[_T] = concurrent.futures.Future()
        self._reply = reply
        if queue is None or self._task.done():
            raise closed()
        self._way.soon(functools.partial(queue.put_nowait, (function, args, reply)))
        try:
            return self._way.wait_for(reply)
        except BaseException:
            if not reply.done():
                self._task.cancel()
            raise
        finally:
            del reply
            self._reply = None

    def end(self) -> None:
        queue = self._queue
        if queue is not None:
            self._way.soon(lambda: queue.put_nowait(None))


def steps(way: Way, generator: AsyncGenerator[_Y, Any]) -> Generator[_Y, Any, None]:
    """Run each step of an async generator in one task, as a plain generator."""
    server = _Server(way)
    try:
        sent, raised = None, None
        while True:
            try:
                value = server.step(generator.asend, sent) if raised is None else server.step(generator.athrow, raised)
            except StopAsyncIteration:
                return
            sent, raised = None, None
            try:
                sent = yield value
            except GeneratorExit:
                raise
            except BaseException as error:  # noqa: BLE001  (thrown in: the generator decides)
                raised = error
    finally:
        try:
            server.step(generator.aclose)
        finally:
            server.end()
