"""Jobs with known ends: values, timers, failures, TCP reads and child processes.

Each function is a coroutine function to the world and returns a Job.
"""

from __future__ import annotations

from typing import TypeVar

from simul import _simul
from simul._simul import Job
from simul.job import returns_job

__all__ = ["child", "fail", "gated", "panic", "ready", "sleep", "storm", "tcp_read"]

_Value = TypeVar("_Value", int, float, str, bytes, None)


@returns_job
def ready(value: _Value = None) -> Job[_Value]:  # type: ignore[assignment]
    """Resolve to ``value`` after one turn of the engine.

    Args:
        value: An int of 64 bits, a float, text, bytes or None.

    Example:
        >>> import simul.testing
        >>> simul.testing.jobs.ready(7).wait()
        7
    """
    return _simul.testing_ready(value)  # pyright: ignore[reportReturnType]  (the overloads cover None)


@returns_job
def sleep(seconds: float, value: _Value = None) -> Job[_Value]:  # type: ignore[assignment]
    """Resolve to ``value`` after some time.

    Args:
        seconds: 0 or above.
        value: As in :func:`ready`.
    """
    return _simul.testing_sleep(seconds, value)  # pyright: ignore[reportReturnType]  (as above)


@returns_job
def fail(kind: str, message: str = "failed on purpose") -> Job[None]:
    """Fail with the class of a kind.

    Args:
        kind: The kind's name, such as ``"Timeout"`` or ``"Connect"``.
        message: The exception's message.
    """
    return _simul.testing_fail(kind, message)


@returns_job
def panic(message: str = "panic on purpose") -> Job[None]:
    """Panic inside the engine; awaiting it raises :class:`simul.InternalError`."""
    return _simul.testing_panic(message)


@returns_job
def tcp_read(host: str, port: int, max_bytes: int = 65536) -> Job[bytes]:
    """Connect, and read until the peer closes or ``max_bytes`` have come.

    Cancellation:
        The socket is closed at once, which the peer sees.
    """
    return _simul.testing_tcp_read(host, port, max_bytes)


@returns_job
def child(arguments: list[str]) -> Job[int]:
    """Run a process group; resolve to its leader's exit code, or minus the signal that ended it.

    Cancellation:
        The whole group is killed.
    """
    return _simul.testing_child(arguments)


def storm(count: int, seconds: float) -> list[Job[int]]:
    """Make ``count`` timers that are due at the same moment.

    Returns:
        Jobs; each resolves to its place in the order in which they ended (exact with one worker).
    """
    return _simul.testing_storm(count, seconds)


def gated(count: int) -> tuple[Job[None], list[Job[int]]]:
    """Make ``count`` Jobs that end when they are told to.

    Returns:
        The gate, whose ``cancel()`` lets the others end; and those, each of which resolves to its place as in
        :func:`storm`.

    Example:
        >>> from simul.testing import jobs
        >>> gate, (one, two) = jobs.gated(2)
        >>> one.done(), gate.cancel()
        (False, True)
        >>> sorted([one.wait(), two.wait()])
        [0, 1]
    """
    return _simul.testing_gated(count)
