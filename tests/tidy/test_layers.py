"""Which crate may use which: ARCHITECTURE.md says it, cargo knows it, and both must agree."""

from __future__ import annotations

import re

from .cargo import metadata
from .tree import read, table, under


def cargo_arrows() -> dict[str, set[str]]:
    packages = metadata()["packages"]
    names = {package["name"] for package in packages}
    return {
        package["name"]: {d["name"] for d in package["dependencies"] if d["kind"] != "dev"} & names
        for package in packages
    }


def test_the_layer_table_equals_what_cargo_builds() -> None:
    said = {row[0]: set(row[2].replace(",", " ").split()) - {"-"} for row in table("ARCHITECTURE.md", "Layers")}
    built = cargo_arrows()
    assert sum(len(arrows) for arrows in built.values()) > 0
    assert said == built


def test_arrows_point_down_only() -> None:
    order = [row[0] for row in table("ARCHITECTURE.md", "Layers")]
    looked_at = 0
    for name, uses in cargo_arrows().items():
        for used in uses:
            looked_at += 1
            assert order.index(used) < order.index(name), f"{name} uses {used}, which stands above it"
    assert looked_at > 0


def test_only_simul_python_names_pyo3() -> None:
    users = {p["name"] for p in metadata()["packages"] if any(d["name"] == "pyo3" for d in p["dependencies"])}
    assert users == {"simul-python"}


def test_every_dependency_is_used_by_the_crate_that_asks_for_it() -> None:
    looked_at = 0
    unused = []
    for package in metadata()["packages"]:
        source = "\n".join(read(path) for path in under(f"crates/{package['name']}", ".rs"))
        for dependency in package["dependencies"]:
            looked_at += 1
            name = (dependency["rename"] or dependency["name"]).replace("-", "_")
            if not re.search(rf"\b{name}\b", source):
                unused.append(f"{package['name']}: {dependency['name']}")
    assert looked_at > 10
    assert unused == []
