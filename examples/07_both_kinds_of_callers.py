"""A library whose methods plain code calls and coroutines await: `smartasync`."""

import asyncio

from simul import RepoManager, smartasync


class History:
    """What somebody who writes a library would offer."""

    @smartasync
    async def subjects(self, path: str) -> list[str]:
        """An async method: plain code gets the list, a coroutine awaits it."""
        return [commit.message.splitlines()[0] for commit in await RepoManager([path]).analyze_commits(path)]

    @smartasync
    def longest(self, subjects: list[str]) -> str:
        """A plain method that takes a while: a coroutine that awaits it has it run in a thread."""
        return max(subjects, key=len)


history = History()
print(history.longest(history.subjects(".")))


async def main() -> None:
    """The same methods, awaited."""
    print(await history.longest(await history.subjects(".")))
    # For type checkers: `.sync` and `.aio` say which one is meant.
    print(len(await history.subjects.aio(".")), "commits")


asyncio.run(main())
