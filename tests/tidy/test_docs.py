"""Documentation that runs, links that lead somewhere, names that are all told."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from .tree import ROOT, files, read, table, under

DOCTEST = "import doctest, importlib, sys; sys.exit(doctest.testmod(importlib.import_module(sys.argv[1])).failed)"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    found = [path for path in files() if path.suffix == ".md"]
    assert len(found) > 5
    return found


def snippets() -> list[tuple[str, str]]:
    found = []
    for page in pages():
        text = read(page)
        for hit in BLOCK.finditer(text):
            line = text.count("\n", 0, hit.start()) + 1
            found.append((f"{page}:{line}", hit.group(1)))
    assert len(found) > 3
    return found


@pytest.mark.parametrize("source", [pytest.param(source, id=where) for where, source in snippets()])
def test_a_python_snippet_of_the_documentation_runs(source: str, run_program: Callable[..., str]) -> None:
    run_program("-c", source)


def test_links_between_pages_lead_to_files() -> None:
    link = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
    looked_at = 0
    broken = []
    for page in pages():
        for target in link.findall(re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)):
            if "://" in target or target.startswith("mailto:"):
                continue
            looked_at += 1
            if not (ROOT / page.parent / unquote(target)).exists():
                broken.append(f"{page}: {target}")
    assert looked_at > 5
    assert broken == []


def test_every_decision_is_listed_and_has_a_number_of_its_own() -> None:
    numbered = sorted(path.name for path in under("docs/decisions", ".md") if path.name[0].isdigit())
    assert numbered
    assert len({name[:4] for name in numbered}) == len(numbered)
    index = read("docs/decisions/index.md")
    assert [name for name in numbered if f"({name})" not in index] == []


def modules() -> list[str]:
    found = [
        ".".join(part for part in p.with_suffix("").parts[1:] if part != "__init__") for p in under("python", ".py")
    ]
    return [name for name in found if not name.endswith(("_cli", "__main__"))]  # these are programs


@pytest.mark.parametrize("module", modules())
def test_examples_in_docstrings_run(module: str, run_program: Callable[..., str]) -> None:
    run_program("-c", DOCTEST, module)


def test_every_python_module_has_a_docstring() -> None:
    silent = [str(path) for path in under("python", ".py") if not ast.get_docstring(ast.parse(read(path)))]
    assert silent == []


def test_every_public_python_module_has_a_page() -> None:
    told = {row[0]: row[1] for row in table("docs/reference.md", "Modules")}
    modules = set()
    for path in under("python", ".py"):
        parts = path.with_suffix("").parts[1:]
        if not any(part.startswith("_") and part != "__init__" for part in parts):
            modules.add(".".join(part for part in parts if part != "__init__"))
    assert set(told) == modules
    for name, page in told.items():
        target = re.search(r"\(([^)#]+)", page)
        assert target, f"{name} has no page"
        assert (ROOT / "docs" / target.group(1)).exists(), f"{name}: {page}"


def test_the_reference_lists_exactly_the_public_names() -> None:
    import simul

    told = [row[0] for row in table("docs/reference.md", "Names")]
    assert len(told) == len(set(told))
    assert set(told) == {name for name in simul.__all__ if not name.startswith("__")}
    for name in simul.__all__:
        assert getattr(simul, name, None) is not None, name


def test_architecture_is_short_enough_to_read() -> None:
    assert len(read("ARCHITECTURE.md").splitlines()) <= 150
