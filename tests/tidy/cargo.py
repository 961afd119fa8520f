"""What cargo knows of this tree."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from typing import Any

from .tree import ROOT


@cache
def metadata(*, with_dependencies: bool = False) -> dict[str, Any]:
    """`cargo metadata`, offline: of our crates, or of every crate that is built on this system."""
    words = ["cargo", "metadata", "--format-version=1", "--locked", "--offline"]
    if with_dependencies:
        host = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
        words += ["--filter-platform", host.partition("host: ")[2].split()[0]]
    else:
        words += ["--no-deps"]
    known: dict[str, Any] = json.loads(subprocess.run(words, check=True, capture_output=True, cwd=ROOT).stdout)
    return known
