"""For tests: small Jobs with known ends, and the engine's figures."""

from __future__ import annotations

from simul._simul import statistics
from simul.testing import jobs

__all__ = ["jobs", "statistics"]
