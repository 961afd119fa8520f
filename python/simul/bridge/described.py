"""Descriptors that are no callables themselves: what they give an instance is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from simul import _simul
from simul.bridge import wait

__all__ = ["CachedProperty", "is_descriptor"]

_MISSING = object()


def is_descriptor(value: object) -> bool:
    """Whether it is worth something only as the attribute of a class: ``functools.partialmethod`` and the like."""
    return not callable(value) and hasattr(value.__class__, "__get__")


class CachedProperty:
    """A ``functools.cached_property`` of an async function, for both kinds of callers.

    Plain code gets the value, async code a coroutine that gives it, each time anew; it is made once.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        """``function`` is a coroutine function of one argument."""
        self.function = function
        self.name: str | None = None
        functools.update_wrapper(cast("Any", self), function)

    def __set_name__(self, owner: type[Any], name: str) -> None:
        """Keep the value under this name."""
        self.name = name

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        """Make the value, or find it."""
        if instance is None:
            return self
        making = self._make(instance)
        return making if _simul.is_async_context() else wait.wait_for(making)

    def __set__(self, instance: Any, value: Any) -> None:
        """Keep another value."""
        instance.__dict__[self.name] = value

    def __delete__(self, instance: Any) -> None:
        """Make it anew when it is asked for next."""
        try:
            del instance.__dict__[self.name]
        except KeyError:
            raise AttributeError(self.name) from None

    async def _make(self, instance: Any) -> Any:
        value = instance.__dict__.get(self.name, _MISSING)
        if value is _MISSING:
            value = await self.function(instance)
            value = instance.__dict__.setdefault(self.name, value)
        return value
