"""What can go wrong, as classes to branch on.

Each has two bases: :class:`SimulError`, and the class of the standard library that callers already catch.
The message says what to do next where that is known; secrets are removed before it is built.
"""

from __future__ import annotations

import asyncio
import builtins
import concurrent.futures
import queue
import sys
from typing import Any

__all__ = [
    "AuthError",
    "CancelledError",
    "ClosedError",
    "ConnectError",
    "DeadlockError",
    "DecodeError",
    "ForkedError",
    "InternalError",
    "InvalidError",
    "InvalidStateError",
    "NestedLoopError",
    "NotAwaitedError",
    "NotFoundError",
    "ProtocolError",
    "QueryError",
    "QueueEmpty",
    "QueueFull",
    "QueueShutDown",
    "RateLimitedError",
    "RepoError",
    "SimulError",
    "StatusError",
    "StoreError",
    "TimeoutError",
    "TlsError",
    "TooLargeError",
]


class SimulError(Exception):
    """The base of everything that simul raises."""


class CancelledError(SimulError, concurrent.futures.CancelledError):
    """The Job was cancelled by somebody else.

    It is not ``asyncio.CancelledError``, so that it never looks like the cancellation of the awaiting task itself.
    """


class TimeoutError(SimulError, builtins.TimeoutError):  # noqa: A001  (asyncio's name)
    """A limit of time ran out."""


class ForkedError(SimulError, RuntimeError):
    """The object belongs to the process that this one was forked from."""


class ClosedError(SimulError, RuntimeError):
    """The engine, or the object, has been shut down."""


class DeadlockError(SimulError, RuntimeError):
    """Waiting here could never end."""


class NestedLoopError(DeadlockError):
    """A blocking wait inside a running loop, for work that needs that very loop."""


class ConnectError(SimulError, ConnectionError):
    """No connection could be made, or it broke."""


class TlsError(SimulError, ConnectionError):
    """TLS failed: certificate, name or protocol."""


class ProtocolError(SimulError, ConnectionError):
    """The peer broke the protocol."""


class DecodeError(SimulError, ValueError):
    """Bytes could not be understood as what they were announced to be."""


class TooLargeError(SimulError, ValueError):
    """Something was larger than its limit."""


class StatusError(SimulError, OSError):
    """The server answered with an error status."""


class AuthError(SimulError, PermissionError):
    """A login was missing, wrong or not allowed."""


class NotFoundError(SimulError, LookupError):
    """What was asked for does not exist."""


class RateLimitedError(SimulError, ConnectionError):
    """The server asked to slow down."""


class QueryError(SimulError, ValueError):
    """A query was refused, or answered with errors."""


class StoreError(SimulError, OSError):
    """A cache or state store failed."""


class InvalidError(SimulError, ValueError):
    """An argument is not usable."""


class InternalError(SimulError, RuntimeError):
    """A bug in simul: please report it."""


class InvalidStateError(SimulError, asyncio.InvalidStateError, concurrent.futures.InvalidStateError):
    """The result of a Job was asked for before its end."""


class NotAwaitedError(SimulError, TypeError, AttributeError):
    """A Job was used as if it were its own result: await it, or call ``.wait()``.

    It is a TypeError, and an AttributeError too, so that ``hasattr`` stays False.
    """


class QueueEmpty(SimulError, asyncio.QueueEmpty, queue.Empty):  # noqa: N818  (asyncio's name)
    """``get_nowait()`` of an empty queue: both libraries' class."""


class QueueFull(SimulError, asyncio.QueueFull, queue.Full):  # noqa: N818  (asyncio's name)
    """``put_nowait()`` of a full queue: both libraries' class."""


if sys.version_info >= (3, 13):

    class QueueShutDown(SimulError, asyncio.QueueShutDown, queue.ShutDown):  # noqa: N818  (asyncio's name)
        """The queue has been shut down; from Python 3.13 also both libraries' class."""

else:

    class QueueShutDown(SimulError):  # noqa: N818  (asyncio's name)
        """The queue has been shut down; from Python 3.13 also both libraries' class."""


class RepoError(SimulError, OSError):
    """One repository could not be synced or read.

    Args:
        message: What happened, in one line.
        kind: ``"auth"``, ``"not_found"``, ``"timeout"``, ... (docs/repos.md lists them).
        repo: The caller's string, without credentials.
        phase: What was being done.
        detail: What happened.
        hint: What to do next, if that is known.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str = "git",
        repo: str = "",
        phase: str = "",
        detail: str = "",
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.repo = repo
        self.phase = phase
        self.detail = detail or message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with every attribute."""
        fields = {name: getattr(self, name) for name in ("kind", "repo", "phase", "detail", "hint")}
        return _remake_repo_error, (str(self), fields)


def _remake_repo_error(message: str, fields: dict[str, Any]) -> RepoError:
    return RepoError(message, **fields)
