"""Detection: what blocks an event loop, and work that was forgotten.

``simul.debug()``, or ``SIMUL_DEBUG=1`` in the environment, turns it on. Off, nothing of it is loaded.
"""

from __future__ import annotations

from simul.detection.control import Debug, debug
from simul.detection.report import Report, Site
from simul.detection.switch import origin, thrown_away

__all__ = ["Debug", "Report", "Site", "debug", "origin", "thrown_away"]
