"""Jobs: work that is already running.

``await`` a Job in a coroutine, on any event loop; call ``.wait()`` anywhere else. One piece of work, two ways to wait.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from simul._simul import Job, setup_async, shutdown

__all__ = ["Job", "returns_job", "setup_async", "shutdown"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def returns_job(function: Callable[_P, Job[_T]]) -> Callable[_P, Job[_T]]:
    """Mark a function that returns a Job as a coroutine function to the world.

    Args:
        function: A plain ``def`` that returns a Job.

    Returns:
        The same function: ``inspect.iscoroutinefunction`` and ``asyncio.iscoroutinefunction`` say True of it, so
        frameworks await what it returns.
    """
    if sys.version_info >= (3, 12):
        return inspect.markcoroutinefunction(function)
    # Python 3.11 has no mark; it asks the code object. The flag alone changes no behaviour: it is the compiler's
    # RETURN_GENERATOR instruction that makes a coroutine, and there is none in a plain def.
    code = function.__code__
    function.__code__ = code.replace(co_flags=code.co_flags | inspect.CO_COROUTINE)
    return function
