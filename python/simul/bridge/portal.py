"""An event loop that plain threads call into."""

# The compiled half is private to this package.
# pyright: reportPrivateUsage=false
from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import copy_context
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, overload

from simul import _simul
from simul.bridge.portal_loop import Body, closed
from simul.bridge.portal_shapes import Manager, steps
from simul.errors import NestedLoopError

__all__ = ["Portal"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Y = TypeVar("_Y")

# Loops of a parent process: closing or collecting one would reach into the parent's selector.
_graveyard: list[object] = []


class Portal:
    """An event loop for threads that have none: they call coroutine functions on it, and wait for the results.

    ``with Portal() as portal`` runs the loop on a thread of its own. ``async with Portal() as portal`` opens the loop
    that runs there to other threads. A portal that is neither serves the whole process: its loop starts with the
    first call and ends with ``close()`` or at exit; a forked child starts one of its own.

    Args:
        loop_factory: Makes the loop; default: ``asyncio.new_event_loop``.

    Cancellation:
        Leaving ``with`` waits for the tasks that ``start_soon`` made; when it is left by an exception, and in
        ``close()``, they are cancelled.

    Threads and loops:
        Any thread but the loop's own, where ``NestedLoopError`` is raised at once.

    Example:
        >>> import asyncio, simul
        >>> async def double(number):
        ...     await asyncio.sleep(0)
        ...     return number * 2
        >>> with simul.Portal() as portal:
        ...     portal.call(double, 21)
        42
    """

    def __init__(self, *, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
        self._loop_factory = loop_factory or asyncio.new_event_loop
        self._body: Body | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._process = os.getpid()

    @overload
    def call(self, function: Callable[_P, Awaitable[_T]], /, *args: _P.args, **kwargs: _P.kwargs) -> _T: ...
    @overload
    def call(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T: ...
    def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a function on the loop, and wait here for its result.

        Args:
            function: A coroutine function, or a plain one, which must not block.
            args: Its arguments.
            kwargs: Its keyword arguments.

        Returns:
            What it returns.

        Raises:
            simul.NestedLoopError: This is the loop's own thread.
            simul.ClosedError: The portal or its loop is closed, or was closed meanwhile.
            BaseException: Whatever the function raises: the same object.

        Cancellation:
            Ctrl-C cancels the call, lets it clean up, and raises KeyboardInterrupt.

        Threads and loops:
            It runs in a copy of this thread's context; what it sets in context variables is set here afterwards.
        """
        context = copy_context()
        before = context.copy()
        body = self._open()
        self._refuse_own_thread(body)
        try:
            return self.wait_for(body.spawn(function, args, kwargs, context))
        finally:
            for variable, value in context.items():
                if variable not in before or before[variable] is not value:
                    variable.set(value)

    @overload
    def start_soon(
        self, function: Callable[_P, Awaitable[_T]], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> concurrent.futures.Future[_T]: ...
    @overload
    def start_soon(
        self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> concurrent.futures.Future[_T]: ...
    def start_soon(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """Call a function on the loop, and go on.

        Args:
            function: As for :meth:`call`.
            args: Its arguments.
            kwargs: Its keyword arguments.

        Returns:
            A future for its result. ``cancel()`` asks the coroutine to end; the future is cancelled when it has.

        Raises:
            simul.ClosedError: The portal or its loop is closed.
        """
        return self._open().spawn(function, args, kwargs, copy_context())

    def wrap_cm(self, manager: AbstractAsyncContextManager[_T, Any]) -> AbstractContextManager[_T]:
        """Use an async context manager in plain code.

        Args:
            manager: Entered and left in one task, so that timeouts, task groups and context variables work in it.

        Returns:
            A context manager for ``with``.
        """
        return Manager(self, manager)

    def wrap_agen(self, generator: AsyncGenerator[_Y, Any]) -> Generator[_Y, Any, None]:
        """Use an async generator in plain code.

        Args:
            generator: All its steps run in one task.

        Returns:
            A generator. Leaving a ``for`` early, ``close()`` and its garbage collection run the ``finally`` blocks of
            the async one.
        """
        return steps(self, generator)

    def wait_for(self, future: concurrent.futures.Future[_T]) -> _T:
        """Wait for a future of this portal: as its ``result()``, but Ctrl-C cancels it and lets it clean up.

        Raises:
            simul.NestedLoopError: This is the loop's own thread.
        """
        self._refuse_own_thread(self._body)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise asyncio.CancelledError from None
        except BaseException:
            if not future.done():
                future.cancel()
                concurrent.futures.wait([future])
            raise
        finally:
            # A failed call's frames must not live on in this one's.
            del future

    def soon(self, function: Callable[[], object]) -> None:
        """Call a plain function on the loop, and forget it; nothing happens if the loop has ended."""
        body = self._body
        if body is not None and self._process == os.getpid():
            body.soon(function)

    def close(self) -> None:
        """Cancel what runs, and end the loop and its thread; a second call does nothing.

        Raises:
            simul.NestedLoopError: This is the loop's own thread.
        """
        self._end(cancel=True)

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end(cancel=error is not None)

    async def __aenter__(self) -> Self:
        with self._lock:
            if self._body is not None or self._closed:
                raise RuntimeError("this portal has been opened already: make another one for this loop")
            self._body = Body()
            self._body.opened_here()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        body = self._body
        if body is not None:
            await body.drain(cancel=error is not None)
        self._closed = True

    def _open(self) -> Body:
        if self._process != os.getpid():
            self._leave_parents()
        body = self._body
        if body is None and not self._closed:
            with self._lock:
                body = self._body
                if body is None and not self._closed:
                    body = self._body = Body.on_a_thread(self._loop_factory)
                    # Before the engine's own hook: what runs on the loop may wait for it.
                    _simul._ensure_exit_hook()
                    atexit.register(self._at_exit)
        if body is None or self._closed or body.ended:
            raise closed()
        return body

    def _leave_parents(self) -> None:
        """This is a forked child: leave the parent's loop alone, and begin anew."""
        _graveyard.append((self._body, self._lock))
        self._lock = threading.Lock()
        self._body = None
        self._process = os.getpid()

    @staticmethod
    def _refuse_own_thread(body: Body | None) -> None:
        if body is not None and body.thread_id == threading.get_ident():
            raise NestedLoopError(
                "this is the thread of the portal's own loop, which would wait for itself: await the coroutine here, "
                "or call the portal from another thread (simul.to_thread)"
            )

    def _at_exit(self) -> None:
        self._end(cancel=True)

    def _end(self, *, cancel: bool) -> None:
        if self._process != os.getpid():
            self._leave_parents()
        body = self._body
        self._refuse_own_thread(body)
        self._closed = True
        atexit.unregister(self._at_exit)
        if body is not None:
            body.stop(cancel=cancel)
