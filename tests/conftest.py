"""What tests of every area share: a git repository to stand in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

WHO = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *words: str, **env: str) -> str:
    """Run git in a folder, with nothing of the machine's configuration."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *words],
        cwd=folder,
        env=clean | WHO | env,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture
def git_folder(tmp_path: Path) -> Path:
    """A folder that is a small repository: what the documentation's examples run in."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for day, text in enumerate(["one\n", "one\ntwo\n", "one\n2\nthree\n"], start=1):
        (folder / "notes.txt").write_text(text, encoding="utf-8")
        git(folder, "add", "notes.txt")
        at = f"2026-01-{day:02}T12:00:00+0100"
        git(folder, "commit", "--quiet", "-m", f"Note {day}", GIT_AUTHOR_DATE=at, GIT_COMMITTER_DATE=at)
    return folder


@pytest.fixture
def run_program(git_folder: Path) -> Callable[..., str]:
    """Run Python there in a process of its own; it must end well and say nothing on stderr. Returns its stdout."""

    def run(*words: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-W", "error", *words],
            cwd=git_folder,
            env=os.environ | {"HOME": str(git_folder), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert ran.stderr == ""
        return ran.stdout

    return run
