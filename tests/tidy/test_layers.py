"""Which crate may use which: ARCHITECTURE.md says it, cargo knows it, and both must agree."""

from __future__ import annotations

from .cargo import metadata
from .tree import table


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
