"""Many callers want the same thing before it is there: `SmartLock` loads it once."""

import asyncio
import threading

from simul import RepoManager, SmartLock


class CachedLoader:
    """Loads a repository's commits when first asked, once, whoever asks."""

    def __init__(self) -> None:
        self._lock = SmartLock()
        self._cache: int | None = None
        self.loads = 0

    async def get_data(self) -> int:
        """The number of commits."""
        if self._cache is None:
            self._cache = await self._lock.run_once(self._expensive_load)
        return self._cache

    def get_data_in_plain_code(self) -> int:
        """The same, for callers without a loop."""
        if self._cache is None:
            self._cache = self._lock.run_once(self._expensive_load).wait()
        return self._cache

    async def _expensive_load(self) -> int:
        self.loads += 1
        return len(await RepoManager(["."]).analyze_commits("."))


async def main(loader: CachedLoader) -> None:
    """Ten tasks want it at once."""
    print(await asyncio.gather(*[loader.get_data() for _ in range(10)]))


loader = CachedLoader()
thread = threading.Thread(target=loader.get_data_in_plain_code)
thread.start()
asyncio.run(main(loader))
thread.join()
print(loader.get_data_in_plain_code())
