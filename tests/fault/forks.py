"""The fork tests, again and again: a lock that is held at the wrong moment shows rarely."""

from __future__ import annotations

import subprocess
import sys

ROUNDS = 10


def main() -> int:
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}", flush=True)
        command = [sys.executable, "-m", "pytest", "-q", "tests/job/test_fork.py"]
        if code := subprocess.run(command, check=False).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
