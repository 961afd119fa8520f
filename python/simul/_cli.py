"""The `simul` command of an installed wheel: the same Rust code as in the cargo-built binary."""

from __future__ import annotations

import signal
import sys

from simul import _simul


def main() -> int:
    """Run the `simul` command with this process's arguments.

    Returns:
        The exit code: 0 all, 1 some failed, 2 usage, 3 nothing usable, 130 interrupted.

    Threads and loops:
        Call it in the main thread of a process that does nothing else. The command has its own Ctrl-C handler
        (once drains, twice kills), so Python's is taken away first: it would wait for a bytecode that never comes.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _simul.run_cli(sys.argv[1:])
