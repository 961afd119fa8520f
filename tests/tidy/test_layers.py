"""Which crate may use which: ARCHITECTURE.md says it, cargo knows it, and both must agree."""

from __future__ import annotations

import json
import subprocess

from .tree import ROOT, table


def cargo_arrows() -> dict[str, set[str]]:
    out = subprocess.run(
        ["cargo", "metadata", "--format-version=1", "--no-deps", "--locked", "--offline"],
        check=True,
        capture_output=True,
        cwd=ROOT,
    ).stdout
    packages = json.loads(out)["packages"]
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
    built = cargo_arrows()
    looked_at = 0
    for name, uses in built.items():
        for used in uses:
            looked_at += 1
            assert order.index(used) < order.index(name), f"{name} uses {used}, which stands above it"
    assert looked_at > 0


def test_only_simul_python_names_pyo3() -> None:
    out = subprocess.run(
        ["cargo", "metadata", "--format-version=1", "--no-deps", "--locked", "--offline"],
        check=True,
        capture_output=True,
        cwd=ROOT,
    ).stdout
    users = {p["name"] for p in json.loads(out)["packages"] if any(d["name"] == "pyo3" for d in p["dependencies"])}
    assert users == {"simul-python"}
