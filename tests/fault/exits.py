"""200 process exits, 50 in each of four ways: right exit code, nothing on stderr."""

from __future__ import annotations

import os
import subprocess
import sys

EXITS_EACH_WAY = 50


def main() -> int:
    command = [sys.executable, "-m", "pytest", "-q", "tests/job/test_exit.py"]
    print(f"{4 * EXITS_EACH_WAY} process exits, {EXITS_EACH_WAY} in each of 4 ways", flush=True)
    return subprocess.run(command, env={**os.environ, "SIMUL_EXITS": str(EXITS_EACH_WAY)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
