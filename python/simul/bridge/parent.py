"""What a worker knows of the loop that awaits it."""

# The compiled half is private to this package.
# pyright: reportPrivateUsage=false
from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any, Protocol, TypeVar

from simul._simul import _Crossing
from simul.errors import ClosedError

__all__ = ["Parent", "Token", "waiting_for"]

_T = TypeVar("_T")


class Token(Protocol):
    """What the limiter of a call has given."""

    def release(self) -> None:
        """Give it back."""

    def take_again(self) -> None:
        """Take it again, at once."""


class Parent:
    """The loop and the task that await what this worker does; one object for each worker, kept by its thread."""

    __slots__ = ("__weakref__", "crossing", "thread_id", "token", "waits")

    def __init__(self) -> None:
        self.crossing: _Crossing[Any] | None = None
        self.token: Token | None = None
        self.thread_id = threading.get_ident()
        self.waits = False
        _parents.add(self)

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine on the parent's loop, and wait for it here.

        Args:
            coroutine: It runs in a task of that loop, in the context that this worker is in.

        Raises:
            simul.ClosedError: The loop is closed, or was closed meanwhile.
            asyncio.CancelledError: The task that awaits this worker was cancelled, and the coroutine with it.
            BaseException: Whatever the coroutine raises.
        """
        try:
            crossing = self._crossing()
            # The loop stands in no frame of this thread: its life must not hang on that, and it is not turned here.
            carried = _Carried(crossing, _begin(crossing, can_be_cancelled=True), coroutine)
        except BaseException:
            coroutine.close()
            raise
        with _shared(crossing) as carried.context:
            try:
                self._wait(crossing, carried.start)
            except ClosedError:
                carried.forget()
                raise
        result: _T = carried.result()
        return result

    def run_sync(self, function: Callable[..., _T], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> _T:
        """Call a function on the parent's loop, and wait for it here."""
        crossing = self._crossing()
        _begin(crossing, can_be_cancelled=False)
        called = _Called(crossing, function, arguments, keywords)
        with _shared(crossing) as called.context:
            self._wait(crossing, called.start)
        result: _T = called.result()
        return result

    def check_cancelled(self) -> None:
        """Raise CancelledError if the task that awaits this worker has been cancelled."""
        if self._crossing().notice_cancel():
            raise asyncio.CancelledError

    def _crossing(self) -> _Crossing[Any]:
        if self.crossing is None:
            raise RuntimeError("this worker runs no function at the moment")
        return self.crossing

    def _wait(self, crossing: _Crossing[Any], start: Callable[[], None]) -> None:
        event_loop = crossing.get_loop()
        if event_loop is None:
            raise _closed()
        try:
            event_loop.call_soon_threadsafe(start)
        except RuntimeError:
            if not event_loop.is_closed():
                raise
            raise _closed() from None
        del event_loop
        token = self.token
        if token is not None:
            token.release()
        self.waits = True
        try:
            ended = crossing.wait_for_call()
        finally:
            self.waits = False
            if token is not None:
                token.take_again()
        if not ended:
            raise _closed()


_parents: weakref.WeakSet[Parent] = weakref.WeakSet()


def waiting_for(event_loop: asyncio.AbstractEventLoop) -> list[int]:
    """The threads of the workers that wait for a loop, in ``from_thread``."""
    found: list[int] = []
    for parent in list(_parents):
        crossing = parent.crossing
        if parent.waits and crossing is not None and crossing.get_loop() is event_loop:
            found.append(parent.thread_id)
    return found


class _Carried:
    """A coroutine on its way to the parent's loop; ``start`` and ``_done`` run there."""

    __slots__ = ("context", "coroutine", "crossing", "error", "event_loop", "task")

    def __init__(
        self, crossing: _Crossing[Any], event_loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any]
    ) -> None:
        self.crossing = crossing
        self.event_loop = event_loop
        self.coroutine: Coroutine[Any, Any, Any] | None = coroutine
        self.context: Context | None = None
        self.task: asyncio.Task[Any] | None = None
        self.error: BaseException | None = None

    def start(self) -> None:
        coroutine, self.coroutine = self.coroutine, None
        if coroutine is None or self.context is None:
            return
        try:
            self.task = _make_task(self.event_loop, coroutine, self.context)
            self.task.add_done_callback(self._done)
            self.crossing.carried_by(self.task)
        except BaseException as error:  # noqa: BLE001  (it goes to the worker)
            self.error = error
            self.crossing.called_back()

    def _done(self, _task: asyncio.Task[Any]) -> None:
        self.crossing.called_back()

    def result(self) -> Any:
        # Nothing here may keep what the exception's own frames hold.
        task, error, self.task, self.error = self.task, self.error, None, None
        try:
            if task is None:
                raise error or RuntimeError("the coroutine was not started")
            return task.result()
        finally:
            del task, error

    def forget(self) -> None:
        """Leave behind what a closed loop will never end."""
        coroutine, self.coroutine = self.coroutine, None
        if coroutine is not None:
            coroutine.close()
        if self.task is not None:
            # asyncio would complain about it, and the worker hears of it already.
            self.task._log_destroy_pending = False  # type: ignore[attr-defined]


class _Called:
    """A function on its way to the parent's loop."""

    __slots__ = ("arguments", "context", "crossing", "error", "function", "keywords", "value")

    def __init__(
        self,
        crossing: _Crossing[Any],
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
    ) -> None:
        self.crossing = crossing
        self.function, self.arguments, self.keywords = function, arguments, keywords
        self.context: Context | None = None
        self.value: Any = None
        self.error: BaseException | None = None

    def start(self) -> None:
        try:
            if self.context is not None:
                self.value = self.context.run(self.function, *self.arguments, **self.keywords)
        except BaseException as error:  # noqa: BLE001  (it goes to the worker)
            self.error = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
        self.crossing.called_back()

    def result(self) -> Any:
        error, self.error = self.error, None
        try:
            if error is not None:
                raise error
            return self.value
        finally:
            del error


def _begin(crossing: _Crossing[Any], *, can_be_cancelled: bool) -> asyncio.AbstractEventLoop:
    event_loop = crossing.call_back(can_be_cancelled)
    if event_loop is None:
        raise _closed()
    return event_loop


@contextlib.contextmanager
def _shared(crossing: _Crossing[Any]) -> Generator[Context, None, None]:
    """The context that the loop works in for us: the one that this worker is in, where it can be in it too."""
    context = crossing.shared_context()
    if context is not None:
        yield context
        return
    # The function has entered one of its own, which nobody can take from it: a copy goes there and back.
    before = copy_context()
    context = before.copy()
    yield context
    for variable, value in context.items():
        if variable not in before or before[variable] is not value:
            variable.set(value)


def _make_task(
    event_loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, _T], context: Context
) -> asyncio.Task[_T]:
    try:
        return event_loop.create_task(coroutine, context=context)
    except TypeError:
        # A task factory from before Python 3.11, which takes no context.
        return context.run(event_loop.create_task, coroutine)


def _closed() -> ClosedError:
    return ClosedError(
        "the event loop that awaits this worker has been closed: let the loop run until its workers are done, or use "
        "simul.run() or a simul.Portal for work that outlives it"
    )
