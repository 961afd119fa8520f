"""One failure, told to many: each gets an exception of its own."""

from __future__ import annotations

from types import GetSetDescriptorType, MemberDescriptorType, TracebackType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["copy_of"]

# What every exception has is set below, or is the copy's own.
_COMMON = frozenset(vars(BaseException)) | {"__dict__", "__weakref__"}
_HEAP_TYPE = 1 << 9


def copy_of(error: BaseException, traceback: TracebackType | None) -> BaseException:
    """Make an exception of the same class with the same contents, and a traceback that begins where ``error``'s did.

    The class's own constructor is not called: it may want other arguments than those that it has left in ``args``, and
    it may do things. Where an exception keeps what cannot be copied so, the very object is raised again.

    Args:
        error: What the work has raised.
        traceback: Where the work has raised it.
    """
    try:
        copied = _copied(error)
    except Exception:  # noqa: BLE001  (whatever it is, the very object still tells what happened)
        copied = error
    return copied.with_traceback(traceback)


def _copied(error: Any) -> BaseException:
    kind = cast("type[BaseException]", type(error))
    native = next(base for base in kind.__mro__ if not base.__flags__ & _HEAP_TYPE)
    grouped = issubclass(kind, BaseExceptionGroup)
    arguments: tuple[Any, ...] = (error.message, error.exceptions) if grouped else error.args
    make = cast("Callable[..., BaseException]", native.__new__)
    copied = make(kind, *arguments)
    copied.args = error.args
    for base in kind.__mro__:
        for name, kept in vars(base).items():
            if name not in _COMMON and isinstance(kept, GetSetDescriptorType | MemberDescriptorType):
                _copy_attribute(kept, error, copied)
    copied.__dict__.update(error.__dict__)
    if "__notes__" in copied.__dict__:
        # A note that one waiter adds is not for the others.
        copied.__notes__ = list(copied.__notes__)
    copied.__cause__, copied.__context__ = error.__cause__, error.__context__
    copied.__suppress_context__ = error.__suppress_context__
    return copied


def _copy_attribute(
    kept: GetSetDescriptorType | MemberDescriptorType, error: BaseException, copied: BaseException
) -> None:
    try:
        value = kept.__get__(error)
    except AttributeError:
        return  # a slot that was never set
    try:
        kept.__set__(copied, value)
    except (AttributeError, TypeError):
        # Read-only: made by __new__, or computed.
        if kept.__get__(copied) is not value:
            raise
