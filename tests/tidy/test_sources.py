"""Sizes, names and habits of the source files."""

from __future__ import annotations

import re
from pathlib import Path

from .tree import ROOT, files, is_test, read, rust_code, table, under

LIMIT = 600
SOURCES = ("crates", "python", "benches", "tests", "examples")


def sources() -> list[Path]:
    found = [path for path in files() if path.parts[0] in SOURCES and path.suffix in {".rs", ".py"}]
    assert len(found) > 30
    return found


def code_lines(path: Path) -> int:
    """Lines up to the unit tests that stand at the end of a Rust file."""
    return len(read(path).split("\n#[cfg(test)]\nmod ")[0].splitlines())


def test_no_source_file_is_longer_than_a_reader_can_hold() -> None:
    sizes = {path: code_lines(path) for path in sources() if not is_test(path)}
    assert sizes
    assert {str(path): size for path, size in sizes.items() if size > LIMIT} == {}


def test_no_file_is_a_drawer() -> None:
    drawers = {"utils", "util", "common", "helpers", "helper", "misc", "shared", "stuff"}
    assert [str(path) for path in sources() if path.stem in drawers or path.parent.name in drawers] == []


def test_lib_and_mod_files_only_declare() -> None:
    # The function under #[pymodule], and `register` below it, are pyo3's way to declare a module.
    item = re.compile(
        r"^(?<!#\[pymodule\(gil_used = true\)\]\n)[ \t]*(?:pub(?:\([^)]*\))?\s+)?"
        r"(?:(?:async|const|unsafe)\s+)*(?:fn (?!register\b)|struct\b|enum\b|trait\b|impl\b)",
        re.MULTILINE,
    )
    roots = [path for path in under("crates", ".rs") if path.name in {"lib.rs", "mod.rs"} and not is_test(path)]
    assert len(roots) > 5
    assert {str(path): found for path in roots if (found := item.findall(rust_code(read(path))))} == {}


def test_unsafe_stands_only_where_architecture_says() -> None:
    said = {row[0] for row in table("ARCHITECTURE.md", "Unsafe")}
    word = re.compile(r"\bunsafe\b(?!_)")
    found = {
        str(path)
        for path in under("crates", ".rs")
        if not is_test(path) and word.search(rust_code(read(path)).split("\n#[cfg(test)]")[0])
    }
    assert found
    assert said == found


def test_the_module_asks_for_the_gil_until_it_has_run_without() -> None:
    # PyO3 says the contrary where nothing is said, and only a free-threaded interpreter would tell.
    assert "#[pymodule(gil_used = true)]" in read(Path("crates/simul-python/src/lib.rs"))


def test_no_public_item_is_documented_by_an_empty_comment() -> None:
    looked_at = 0
    empty = []
    for path in under("crates", ".rs"):
        lines = read(path).splitlines()
        for number, line in enumerate(lines):
            if line.strip().startswith("///"):
                looked_at += 1
                before = lines[number - 1].strip() if number else ""
                if line.strip() == "///" and not before.startswith(("///", "#[doc", "//")):
                    empty.append(f"{path}:{number + 1}")
    assert looked_at > 100
    assert empty == []


def test_nothing_is_left_for_later_in_a_comment() -> None:
    mark = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    assert [str(path) for path in sources() if mark.search(read(path))] == []


def test_what_is_ignored_says_why() -> None:
    bare = re.compile(
        r"#\[ignore\]|pytest\.mark\.skip\s*$|pytest\.mark\.skip\(\)|pytest\.skip\(\)|mark\.xfail\s*$", re.MULTILINE
    )
    this = Path(__file__).relative_to(ROOT)
    assert [str(path) for path in sources() if path != this and bare.search(read(path))] == []


def test_no_file_names_a_machine_or_a_registry() -> None:
    hosts = ["py" + "pi.org", "python" + "hosted.org", "crates" + ".io", "npm" + "js.", "docs" + ".rs/"]
    places = re.compile("|".join([*map(re.escape, hosts), r"/ro" + r"ot/", r"/wo" + r"rk/", r"/tmp/" + r"wt"]))
    looked_at = 0
    found = []
    for path in files():
        if path.name == "Cargo.lock" or path.suffix in {".png", ".ico"}:
            continue  # cargo writes its index's address into its lock
        looked_at += 1
        found += [
            f"{path}: {hit}" for hit in places.findall((ROOT / path).read_text(encoding="utf-8", errors="replace"))
        ]
    assert looked_at > 30
    assert found == []


def test_long_files_are_looked_at_again() -> None:
    long = sorted(str(path) for path in sources() if not is_test(path) and code_lines(path) > 400)
    print("above 400 lines, look again:", *long)  # shown by pytest -s; a failure only above 600
