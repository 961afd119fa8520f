"""Async generators and async context managers for plain code: all steps of one run in one task."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, Future, Task
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ContextDecorator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from simul import _simul
from simul.bridge import thread_loop
from simul.errors import InvalidError

__all__ = ["Managed", "each", "iterate"]

_T = TypeVar("_T")
_S = TypeVar("_S")
_T_co = TypeVar("_T_co", covariant=True)

_Step = Callable[[], Awaitable[Any]]
# Whether it succeeded, and the value or the exception.
_Answer = tuple[bool, Any]


class Steps:
    """A task that makes one step each time that plain code asks for one, and waits in between."""

    def __init__(self, leave: Callable[[BaseException], Awaitable[Any]]) -> None:
        """Nothing runs yet; ``leave`` is how it ends when the task is cancelled between two steps."""
        self.leave = leave
        self.task: Task[None] | None = None
        self.loop: AbstractEventLoop | None = None
        self.request: Future[tuple[_Step, Future[_Answer]] | None] | None = None
        self.let_go: Callable[[], None] | None = None
        self.left: _Answer | None = None

    def ask(self, step: _Step) -> Any:
        """Make one step, and wait for it in plain code."""
        return _simul.block_on(self._ask(step))

    def end(self) -> None:
        """Nothing more will be asked."""
        self._let_loop_go()
        if self.request is not None and not self.request.done() and self.loop is not None:
            if self.loop.is_closed():
                return
            self.request.set_result(None)  # the task ends when its loop is turned next
            self.request = None

    def _let_loop_go(self) -> None:
        let_go, self.let_go = self.let_go, None
        if let_go is not None:
            let_go()

    def end_from_elsewhere(self) -> None:
        """On another thread, or under another loop: the task is cancelled when its own loop is turned next."""
        if self.task is not None and self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.task.cancel)

    def is_elsewhere(self) -> bool:
        """Whether its loop is one that cannot be turned from here."""
        return self.loop is not None and not thread_loop.can_turn(self.loop)

    async def _ask(self, step: _Step) -> Any:
        loop = asyncio.get_running_loop()
        if self.task is None:
            self.loop = loop
            self.request = loop.create_future()
            self.task, self.let_go = thread_loop.begin_steps(loop, self._serve())
        elif self.loop is not None and self.loop.is_closed():
            raise InvalidError(
                "the event loop that this async generator or context manager was begun on has been closed "
                "(reset_smartasync_cache() was called here meanwhile), and it was ended with it"
            )
        elif loop is not self.loop:
            raise InvalidError(
                "an async generator or context manager that plain code has begun belongs to the event loop it was "
                "begun on: go on with it on the same thread, and no deeper in nested calls"
            )
        if self.request is None or self.request.cancelled():
            await asyncio.wait((self.task,))
            return self._left()
        answer: Future[_Answer] = loop.create_future()
        self.request.set_result((step, answer))
        try:
            try:
                await asyncio.wait((answer,))
            except asyncio.CancelledError:
                # Ctrl-C: the step hears of it, and its `finally` runs before this goes on. Unless it has ended.
                if not answer.done():
                    self.task.cancel()
                    await asyncio.wait((answer, self.task), return_when=asyncio.FIRST_COMPLETED)
                raise
            good, value = answer.result()
            if good:
                return value
            raise value
        finally:
            # An exception holds this frame: a way from here to the exception would be a cycle.
            del answer, step
            value = None

    async def _serve(self) -> None:
        try:
            await self._steps()
        finally:
            self._let_loop_go()

    async def _steps(self) -> None:
        # Whoever ends it takes the request away; what it was is needed here.
        while (request := self.request) is not None:
            try:
                asked = await request
            except asyncio.CancelledError as error:
                # Between two steps: the loop is being closed, or a timeout around the steps has struck.
                asked = request.result() if request.done() and not request.cancelled() else None
                if asked is None:
                    if self.request is request:
                        self.request = None
                        self.left = await _outcome(self.leave(error))
                    return
                step, answer = self.leave(error), asked[1]
            else:
                if asked is None:
                    return
                step, answer = asked[0](), asked[1]
            self.request = asyncio.get_running_loop().create_future()
            outcome = await _outcome(step)
            if not answer.done():
                answer.set_result(outcome)
            del asked, step, answer, outcome

    def _left(self) -> Any:
        # The next step hears of what came between the steps.
        (good, value), self.left = self.left or (False, StopAsyncIteration()), None
        try:
            if good:
                return value
            raise value
        finally:
            value = None


async def _outcome(step: Awaitable[Any]) -> _Answer:
    try:
        return True, await step
    except BaseException as error:  # noqa: BLE001  (it is raised where the step was asked for)
        # Our own frame says nothing.
        return False, error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)


async def each(iterator: AsyncIterator[_T]) -> AsyncGenerator[_T, None]:
    """An async generator of what another async iterator gives."""
    try:
        async for value in iterator:
            yield value
    finally:
        if (close := getattr(iterator, "aclose", None)) is not None:
            await close()


def iterate(generator: AsyncGenerator[_T, _S]) -> Generator[_T, _S, None]:
    """Give the values of an async generator to plain code; closing it, or leaving early, runs its ``finally``."""

    async def leave(error: BaseException) -> None:
        try:
            await generator.athrow(error)
        finally:
            await generator.aclose()
        raise StopAsyncIteration

    steps = Steps(leave)
    step: _Step = generator.__anext__
    try:
        while True:
            value = steps.ask(step)
            try:
                sent = yield value
            except GeneratorExit:
                raise
            except BaseException as error:  # noqa: BLE001  (the generator decides what to do with it)
                step = _thrown(generator, error)
            else:
                step = generator.__anext__ if sent is None else _sent(generator, sent)
    except StopAsyncIteration:
        return
    finally:
        if steps.is_elsewhere():
            steps.end_from_elsewhere()
        elif steps.task is not None and not steps.task.done():
            try:
                steps.ask(generator.aclose)
            finally:
                steps.end()
        del step


def _thrown(generator: AsyncGenerator[Any, Any], error: BaseException) -> _Step:
    return lambda: generator.athrow(error)


def _sent(generator: AsyncGenerator[Any, _S], value: _S) -> _Step:
    return lambda: generator.asend(value)


class Managed(AbstractContextManager[_T_co, bool | None], ContextDecorator, Generic[_T_co]):
    """An async context manager for plain code's ``with``, and a decorator of plain functions where it is one."""

    def __init__(self, manager: AbstractAsyncContextManager[_T_co, bool | None]) -> None:
        self._manager = manager
        self._steps = Steps(self._leave)

    def _leave(self, error: BaseException) -> Awaitable[Any]:
        return self._manager.__aexit__(type(error), error, error.__traceback__)

    def _recreate_cm(self) -> Self:
        # Asked by ContextDecorator: what a generator made is good for one call only.
        again: Callable[[], AbstractAsyncContextManager[_T_co, bool | None]] | None
        again = getattr(self._manager, "_recreate_cm", None)
        return type(self)(self._manager if again is None else again())

    def __enter__(self) -> _T_co:
        """Enter the manager."""
        value: _T_co = self._steps.ask(self._manager.__aenter__)
        return value

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """Leave the manager, in the task that entered it."""
        try:
            left: bool | None = self._steps.ask(lambda: self._manager.__aexit__(kind, error, traceback))
        finally:
            self._steps.end()
        return left
