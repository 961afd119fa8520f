"""Each kind of error has a class in Python, a line in the documentation and a test."""

from __future__ import annotations

import re

from .tree import read, table, under


def test_each_kind_of_repo_error_is_documented() -> None:
    body = read("crates/simul-git/src/error.rs").split("\nrepo_error_kinds! {", 1)[1].split("\n}", 1)[0]
    built = re.findall(r'^    \w+ = "(\w+)",$', body, re.MULTILINE)
    assert len(built) > 10
    assert [row[0] for row in table("docs/errors.md", "Kinds of RepoError")] == built


def kinds() -> list[str]:
    body = read("crates/simul-core/src/kind.rs").split("\nkinds! {", 1)[1].split("\n}", 1)[0]
    found = re.findall(r"^    (\w+),$", body, re.MULTILINE)
    assert len(found) >= 20
    return found


def told() -> dict[str, str]:
    return {row[0]: row[1] for row in table("docs/errors.md", "Kinds")}


def test_each_kind_has_a_documented_class() -> None:
    assert list(told()) == kinds()


def test_the_documented_classes_are_those_that_rust_raises() -> None:
    from simul import _simul

    assert dict(_simul._KINDS) == told()


def test_each_documented_class_exists_and_is_a_simul_error() -> None:
    import simul

    for kind, name in told().items():
        found = getattr(simul.errors, name)
        assert issubclass(found, simul.SimulError), kind


def test_each_class_has_a_test() -> None:
    tests = "\n".join(read(path) for path in under("tests", ".py") if "tidy" not in path.parts)
    rust = "\n".join(read(path) for path in under("crates", ".rs"))
    untested = [
        kind for kind, name in told().items() if not re.search(rf"\b{name}\b", tests) and f"Kind::{kind}" not in rust
    ]
    assert untested == []
