"""The files of this tree, as the tests about the tree itself see them."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def files() -> tuple[Path, ...]:
    """Every file that git tracks or would track, relative to the root."""
    # CI's clone may belong to another user.
    words = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = tuple(Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file())
    assert len(found) > 30, "the tree was not found"
    return found


def under(folder: str, suffix: str) -> list[Path]:
    """The files below a folder that end so; never an empty list."""
    found = [path for path in files() if path.is_relative_to(folder) and path.name.endswith(suffix)]
    assert found, f"no {suffix} under {folder}: this guard looked at nothing"
    return found


def read(path: Path | str) -> str:
    """A file's text."""
    return (ROOT / path).read_text(encoding="utf-8")


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its header, code marks removed."""
    _, found, rest = read(page).partition(f"\n## {heading}\n")
    assert found, f"{page} has no section {heading!r}"
    rows = []
    for line in rest.split("\n## ")[0].splitlines():
        if line.startswith("|"):
            rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
        elif rows:
            break
    assert len(rows) > 2, f"{page}, {heading}: no table"
    return rows[2:]


def is_test(path: Path) -> bool:
    """Whether a file holds tests, to which the limits of size do not apply."""
    return "tests" in path.parts or path.name == "tests.rs" or path.name.startswith(("test_", "loom"))


def rust_code(text: str) -> str:
    """Rust source with comments and the texts of strings blanked out, its lines kept."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.|[^\'\\])\'',
        re.DOTALL,
    )
    return pattern.sub(lambda hit: "\n" * hit.group().count("\n"), text)
