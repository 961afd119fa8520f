"""The Python half of a worker: a thread that runs the functions that ``to_thread`` is given."""

# The compiled half is private to this package.
# pyright: reportPrivateUsage=false
from __future__ import annotations

import atexit
import sys
import threading
from contextvars import Context

from simul import _simul
from simul.bridge.parent import Parent

__all__ = ["start"]

_waits_at_exit = False


def start(worker: _simul._Worker, number: int) -> None:
    """Start a worker's thread; the compiled module calls this.

    Args:
        worker: Its compiled half.
        number: Its number in this process.
    """
    global _waits_at_exit  # noqa: PLW0603  (once a process)
    if not _waits_at_exit:
        _waits_at_exit = True
        atexit.register(_wait_at_exit)
    name = f"simul-worker-{number}"
    if sys.version_info >= (3, 14):
        # A thread may inherit its maker's context variables there, and would keep them alive.
        thread = threading.Thread(target=_serve, args=(worker,), name=name, daemon=True, context=Context())
    else:
        thread = threading.Thread(target=_serve, args=(worker,), name=name, daemon=True)
    thread.start()


def _serve(worker: _simul._Worker) -> None:
    parent = Parent()
    _simul.set_thread_parent(parent)
    try:
        _run(worker, parent)
    except BaseException as error:
        # Raised into this thread from outside, by PyThreadState_SetAsyncExc, while it ran nobody's function.
        worker.broken(error)
        raise


def _run(worker: _simul._Worker, parent: Parent) -> None:
    while (following := worker.next()) is not None:
        crossing, function, arguments, keywords = following
        parent.crossing = crossing
        try:
            value = function(*arguments, **keywords)
        except BaseException as error:  # noqa: BLE001  (it goes to whoever awaits)
            # Our own frame says nothing, and would keep what this thread does next.
            worker.failed(error.with_traceback(error.__traceback__ and error.__traceback__.tb_next))
        else:
            worker.returned(value)
            del value
        # An idle thread keeps nothing alive.
        parent.crossing = None
        del following, crossing, function, arguments, keywords


def _wait_at_exit() -> None:
    """Let running functions end, as asyncio's own threads do; not those that were left behind on purpose."""
    while not _simul._workers_at_exit():
        pass
