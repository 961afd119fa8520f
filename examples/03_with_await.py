"""The same in a coroutine: `await` the Job. Two Jobs made one after the other run at the same time."""

import asyncio

from simul import RepoError, RepoManager


async def main() -> None:
    """Read commits and branches at once, within a minute."""
    manager = RepoManager(["."])
    async with asyncio.timeout(60):
        commits, branches = await asyncio.gather(manager.analyze_commits("."), manager.analyze_branches())
    print(len(commits), "commits")
    here = branches["."]  # a table, or why there is none
    if not isinstance(here, RepoError):
        print([branch.name for branch in here])


asyncio.run(main())
