"""Each numbered example is a program that runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("[0-9]*.py"))


def test_examples_are_numbered_without_a_gap() -> None:
    assert EXAMPLES
    assert [int(path.name[:2]) for path in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))
    assert all(re.fullmatch(r"\d\d_[a-z_]+\.py", path.name) for path in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_in_a_git_repository(example: Path, run_program: Callable[..., str]) -> None:
    assert run_program(str(example))
