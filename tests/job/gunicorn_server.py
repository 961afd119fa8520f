"""gunicorn, preloaded, with two workers: what it answers."""

from __future__ import annotations

import pathlib
import re
import signal
import subprocess
import sys
import urllib.request

import pytest


def answers(folder: pathlib.Path, application: str) -> dict[str, list[list[str]]]:
    """Serves `application`, which answers words and, last, its process; gives the words of 20 answers by process.

    The server must end well and print no traceback.
    """
    pytest.importorskip("gunicorn", reason="gunicorn is a test dependency of ./dev test")
    (folder / "preloaded.py").write_text(application)
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--preload", "-w", "2", "--bind", "127.0.0.1:0", "preloaded:application"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address, booted = None, 0
        while address is None or booted < 2:
            line = server.stderr.readline()
            assert line, "gunicorn ended early"
            if found := re.search(r"Listening at: (http://\S+)", line):
                address = found[1]
            booted += "Booting worker" in line
        seen: dict[str, list[list[str]]] = {}
        for _ in range(20):
            with urllib.request.urlopen(address, timeout=30) as response:  # noqa: S310 - our own server
                *words, pid = response.read().decode().split()
            seen.setdefault(pid, []).append(words)
        assert str(server.pid) not in seen
        server.send_signal(signal.SIGTERM)
        _, rest = server.communicate(timeout=60)
        assert server.returncode == 0, rest
        assert "Traceback" not in rest, rest
        return seen
    finally:
        if server.poll() is None:
            server.kill()
            server.communicate()
