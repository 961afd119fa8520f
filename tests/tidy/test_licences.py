"""Every crate that is built in has a licence that deny.toml allows, also where cargo-deny is not installed."""

from __future__ import annotations

import re
import tomllib

from .cargo import metadata
from .tree import read


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met with the allowed licences alone."""
    words = re.findall(r"\(|\)|AND|OR|[\w.+-]+(?: WITH [\w.+-]+)?", expression.replace("/", " OR "))
    python = [{"(": "(", ")": ")", "AND": "and", "OR": "or"}.get(word, str(word in allowed)) for word in words]
    return bool(eval(" ".join(python), {"__builtins__": {}}))  # noqa: S307  (made of True, False, and, or, brackets)


def test_the_reading_of_expressions() -> None:
    allowed = {"MIT", "Apache-2.0 WITH LLVM-exception"}
    assert is_allowed("MIT/GPL-3.0", allowed)
    assert is_allowed("(Apache-2.0 WITH LLVM-exception OR X) AND MIT", allowed)
    assert not is_allowed("MIT AND MPL-2.0", allowed)
    assert not is_allowed("Apache-2.0", allowed)


def test_every_dependency_is_permissively_licensed() -> None:
    allowed = set(tomllib.loads(read("deny.toml"))["licenses"]["allow"])
    packages = [p for p in metadata(with_dependencies=True)["packages"] if p["source"]]
    assert len(packages) > 50
    refused = {p["name"]: p["license"] for p in packages if not is_allowed(p["license"] or "none", allowed)}
    assert refused == {}
