"""A call of several steps, each of which may have to wait: awaited or waited for, once, like a call of one step."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Coroutine, Generator
from datetime import timedelta
from types import TracebackType
from typing import Any, TypeVar, cast, final

_T_co = TypeVar("_T_co", covariant=True)


@final
class Staged(Coroutine[Any, Any, _T_co]):
    """One call that begins when it is awaited, or waited for.

    Args:
        name: As users know it, ``Condition.wait``.
        awaited: Makes the coroutine that takes the steps in a task.
        waited: Takes the steps in this thread, with a timeout in seconds or None.

    Threads and loops:
        Any; one await or one ``.wait()``.
    """

    # Names of the instance, as a coroutine has them.
    __slots__ = ("__name__", "__qualname__", "__weakref__", "_awaited", "_coroutine", "_waited")

    def __init__(
        self, name: str, awaited: Callable[[], Coroutine[Any, Any, _T_co]], waited: Callable[[float | None], _T_co]
    ) -> None:
        self.__name__ = name.rpartition(".")[2]
        self.__qualname__ = name
        self._awaited: Callable[[], Coroutine[Any, Any, _T_co]] | None = awaited
        self._waited = waited
        self._coroutine: Coroutine[Any, Any, _T_co] | None = None

    def _begin(self) -> Coroutine[Any, Any, _T_co]:
        if self._coroutine is None:
            self._coroutine = self._claim()()
        return self._coroutine

    def _claim(self) -> Callable[[], Coroutine[Any, Any, _T_co]]:
        awaited, self._awaited = self._awaited, None
        if awaited is None:
            raise RuntimeError(f"cannot reuse already awaited {self.__qualname__}()")
        return awaited

    def __await__(self) -> Generator[Any, Any, _T_co]:
        return self._begin().__await__()

    def send(self, value: Any) -> Any:
        """One step, as asyncio's tasks make it."""
        return self._begin().send(value)

    def throw(
        self,
        exception: type[BaseException] | BaseException,
        value: object = None,
        traceback: TracebackType | None = None,
    ) -> Any:
        """Raise ``exception`` where it stands, as asyncio does when the task is cancelled."""
        coroutine = self._begin()
        if value is None and traceback is None:
            return coroutine.throw(exception)
        return coroutine.throw(cast("type[BaseException]", exception), value, traceback)

    def close(self) -> None:
        """End it where it stands."""
        self._awaited = None
        if self._coroutine is not None:
            self._coroutine.close()

    def wait(self, timeout: float | timedelta | None = None) -> _T_co:
        """Block this thread until it has ended.

        Args:
            timeout: Seconds or a timedelta; None (the default) waits without limit.

        Raises:
            simul.TimeoutError: It did not come in time.
        """
        self._claim()
        return self._waited(timeout.total_seconds() if isinstance(timeout, timedelta) else timeout)

    @property
    def cr_running(self) -> bool:
        """Whether it takes a step right now."""
        return bool(getattr(self._coroutine, "cr_running", False))

    @property
    def cr_suspended(self) -> bool:
        """Whether it waits between two steps."""
        return self._coroutine is not None and not self.cr_running and self.cr_frame is not None

    @property
    def cr_frame(self) -> Any:
        """The frame of the step that it is in."""
        return getattr(self._coroutine, "cr_frame", None)

    @property
    def cr_await(self) -> Any:
        """What that step waits for."""
        return getattr(self._coroutine, "cr_await", None)

    def __reduce__(self) -> Any:
        raise TypeError(f"{self.__qualname__}() cannot be pickled or copied: it is a call under way")

    def __repr__(self) -> str:
        if self._awaited is not None:
            return f"<{self.__qualname__}() not begun>"
        return f"<{self.__qualname__}() {'waiting' if self.cr_frame is not None else 'finished'}>"

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if getattr(self, "_awaited", None) is not None:
            _warn(f"coroutine '{self.__qualname__}' was never awaited", RuntimeWarning, source=self)
