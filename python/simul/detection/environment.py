"""``SIMUL_DEBUG`` in the environment: detection without a change to the program.

=================  =============================================
empty, 0, off, no  off
1, on, yes, true   on, with the default threshold
0.05, 2.0          on; seconds, with a point
50ms, 2s           on; milliseconds or seconds
=================  =============================================
"""

from __future__ import annotations

import re
import warnings

from simul.detection.control import DEFAULT_THRESHOLD_SECONDS, debug

__all__ = ["start", "threshold"]

_SCALE = {"ms": 1000.0, "s": 1.0, "": 1.0}


def threshold(setting: str) -> float | None:
    """What a setting says.

    Args:
        setting: The value of ``SIMUL_DEBUG``.

    Returns:
        Seconds; None if it says off.

    Raises:
        ValueError: It says nothing that is known.

    Example:
        >>> threshold("1"), threshold("50ms"), threshold("off")
        (0.1, 0.05, None)
    """
    word = setting.strip().lower()
    if word in {"", "0", "off", "no", "false"}:
        return None
    if word in {"1", "on", "yes", "true"}:
        return DEFAULT_THRESHOLD_SECONDS
    found = re.fullmatch(r"(?P<number>\d+|\d*\.\d+|\d+\.\d*)(?P<unit>ms|s|)", word)
    if found is None or (not found["unit"] and "." not in word) or not float(found["number"]) > 0:
        raise ValueError(
            f"SIMUL_DEBUG={setting!r} is not understood: write 1 for on, 0 for off, or a threshold such as 0.05 or 50ms"
        )
    return float(found["number"]) / _SCALE[found["unit"]]


def start(setting: str) -> None:
    """Turn detection on for the rest of the process, if the setting says so.

    Args:
        setting: The value of ``SIMUL_DEBUG``; one that is not understood warns, and turns it on.
    """
    try:
        seconds = threshold(setting)
    except ValueError as error:
        warnings.warn(str(error), RuntimeWarning, stacklevel=2)
        seconds = DEFAULT_THRESHOLD_SECONDS
    if seconds is not None:
        debug(seconds)
