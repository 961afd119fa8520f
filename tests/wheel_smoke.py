"""What an installed wheel must do: run by `./dev wheel` in an environment that holds nothing else."""

from __future__ import annotations

import asyncio
import importlib.metadata
import sys
from pathlib import Path

import simul
import simul.testing


async def main() -> None:
    assert await simul.testing.jobs.ready(21) == 21
    commits = await simul.RepoManager([sys.argv[1]]).analyze_commits(sys.argv[1])
    assert len(commits) > 0


here = Path(simul.__file__)
assert here.is_relative_to(sys.prefix), f"{here} is not the installed one"
assert importlib.metadata.version("simul") == simul.__version__
assert (here.parent / "py.typed").exists()
(plugin,) = importlib.metadata.entry_points(group="pytest11", name="simul")
assert plugin.value == "simul.testing.plugin"
asyncio.run(main())
print("simul", simul.__version__, "from", here.parent)
