"""The thread for callbacks and upcalls that no loop and no waiting thread can run."""

from __future__ import annotations

import logging

from simul import _simul

__all__ = ["serve"]

_log = logging.getLogger("simul")


def serve(generation: int) -> None:
    """Run errands until the process ends; the compiled module starts this on a thread of its own."""
    while (errand := _simul.next_errand(generation)) is not None:
        function, job, context = errand
        try:
            if job is None or context is None:
                function()
            else:
                context.run(function, job)
        except BaseException:  # noqa: BLE001  (this thread must go on)
            # As concurrent.futures does: whoever added the callback is not here to be told.
            _log.exception("exception calling callback of %r", job)
        # A waiting thread must keep nothing alive.
        del errand, function, job, context
