"""Many repositories at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeAlias, overload
from urllib.parse import urlsplit

from simul import _simul
from simul._simul import Job, Table
from simul.errors import RepoError
from simul.git.events import Event, Events
from simul.git.records import Branch, Change, Commit, Hunk, Ownership
from simul.git.status import CloneTask, Synced
from simul.job import returns_job

__all__ = ["Limits", "RepoManager"]

_Source: TypeAlias = str | os.PathLike[str]
_Refs: TypeAlias = str | Iterable[str]
_Merges: TypeAlias = Literal["zero", "first-parent", "combined"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one repository may take before it is given up; None is no limit.

    Args:
        bytes: Bytes received in one transfer. Default 2 GiB.
        seconds: How long one transfer takes altogether. Default 900.
        stall_seconds: How long a transfer may go without progress. Default 60.

    Example:
        >>> from simul.git import Limits
        >>> Limits(bytes=100_000_000, seconds=60)
        Limits(bytes=100000000, seconds=60, stall_seconds=60.0)
    """

    bytes: int | None = 2 * 1024**3
    seconds: float | timedelta | None = 900.0
    stall_seconds: float | timedelta | None = 60.0


class RepoManager:
    """Many git repositories at once.

    Paths are read in place; URLs are mirrored, bare, into a cache, and later calls fetch only what is new. Every method
    but :meth:`events` returns a :class:`simul.Job`. Methods over many repositories resolve to a dict that holds, under
    the caller's exact string and in the caller's order, a table or a :class:`simul.RepoError`; methods on one
    repository raise it.

    Args:
        urls: Paths and URLs, mixed.
        github_username: User name that goes with tokens; none is needed for a GitHub token.
        github_token: Token for github.com, or for the host of ``GITHUB_SERVER_URL``. Empty means none.
        auth: Tokens for other hosts: ``{"host[:port]": token}``. A token goes to that host alone.
        cache: Folder of the mirrors. Default: the user's cache folder.
        jobs: Git process groups that are alive at any time, at most.
        limits: Per repository. Default: ``Limits()``.
        on_event: Called with each :class:`Event`, one at a time, on the thread of the loop that awaits a Job of this
            manager, of the ``.wait()`` on one, or else on a thread of simul's. It must return soon. What it raises
            is reported (``sys.unraisablehook``) and stops nothing.

    Raises:
        InvalidError: An argument is not usable.

    Threads and loops:
        One manager may be used from any thread and any loop, and in forked children.

    Example:
        >>> from simul.git import RepoManager
        >>> manager = RepoManager([".", "./missing"])
        >>> results = manager.commits().wait()
        >>> [type(result).__name__ for result in results.values()]
        ['Table', 'RepoError']
    """

    def __init__(
        self,
        urls: Iterable[_Source],
        github_username: str | None = None,
        github_token: str | None = None,
        *,
        auth: Mapping[str, str] | None = None,
        cache: _Source | None = None,
        jobs: int = 8,
        limits: Limits | None = None,
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        if isinstance(urls, str | bytes | os.PathLike):
            raise TypeError(f"urls is a list of paths and URLs: [{os.fspath(urls)!r}]")
        tokens = dict(auth or {})
        if github_token:
            tokens.setdefault(_github_host(), github_token)
        limits = limits or Limits()
        self._sources = [_text(url) for url in urls]
        self._jobs = jobs
        self._manager = _simul.RepoManager(
            self._sources,
            username=github_username or None,
            auth=[(host, token) for host, token in tokens.items() if token],
            cache=None if cache is None else os.fspath(cache),
            jobs=jobs,
            limits=(limits.bytes, _seconds(limits.seconds), _seconds(limits.stall_seconds)),
            on_event=on_event,
        )

    def __repr__(self) -> str:
        count = len(self._sources)
        return f"<simul.git.RepoManager {count} {'repository' if count == 1 else 'repositories'}, jobs={self._jobs}>"

    @returns_job
    def sync(self) -> Job[dict[str, Synced | RepoError]]:
        """Clone what is not there yet, fetch what is new.

        Returns:
            For each source, where it is and what was done, or why it failed.

        Cancellation:
            Kills the git processes and removes partial clones; mirrors that were complete before stay.
        """
        return self._manager.sync()

    @returns_job
    def clone(self, url: _Source) -> Job[None]:
        """Clone or fetch one repository; a failure is not raised but told by :meth:`fetch_clone_tasks`.

        Args:
            url: One of the manager's sources, or another path or URL, which becomes one.
        """
        return self._manager.clone(_text(url))

    @returns_job
    def clone_all(self) -> Job[None]:
        """Clone or fetch every repository; failures are not raised but told by :meth:`fetch_clone_tasks`."""
        return self._manager.clone_all()

    @returns_job
    def fetch_clone_tasks(self) -> Job[dict[str, CloneTask]]:
        """How far each repository's clone is.

        Returns:
            For each source its :class:`CloneTask`; ``.temp_dir`` goes into :meth:`analyze_commits`.
        """
        return self._manager.fetch_clone_tasks()

    @returns_job
    def analyze_commits(
        self, path_or_url: _Source, *, refs: _Refs = "head", merges: _Merges = "zero"
    ) -> Job[Table[Commit]]:
        """The commits of one repository, in the order of ``git log``.

        Args:
            path_or_url: A source, the ``temp_dir`` of its clone, or any other path or URL.
            refs: ``"head"``: what HEAD reaches; ``"all"``: every branch and tag; else names of branches, tags or
                commits.
            merges: What merges count: ``"zero"``, nothing, as ``git log`` shows it; ``"first-parent"``: the difference
                to the first parent; ``"combined"``: what differs from every parent.

        Raises:
            RepoError: The repository could not be synced or read.
        """
        return self._manager.commits(_text(path_or_url), _refs(refs), merges)

    @returns_job
    def commits(self, *, refs: _Refs = "head", merges: _Merges = "zero") -> Job[dict[str, Table[Commit] | RepoError]]:
        """The commits of every repository; arguments as for :meth:`analyze_commits`."""
        return self._manager.commits_all(_refs(refs), merges)

    @overload
    def changes(
        self, path_or_url: None = None, *, refs: _Refs = "head", merges: _Merges = "zero"
    ) -> Job[dict[str, Table[Change] | RepoError]]: ...
    @overload
    def changes(
        self, path_or_url: _Source, *, refs: _Refs = "head", merges: _Merges = "zero"
    ) -> Job[Table[Change]]: ...
    @returns_job
    def changes(
        self, path_or_url: _Source | None = None, *, refs: _Refs = "head", merges: _Merges = "zero"
    ) -> Job[Any]:
        """The files that each commit changed, renames followed.

        Args:
            path_or_url: One repository; None for all of the manager's.
            refs: As for :meth:`analyze_commits`.
            merges: As for :meth:`analyze_commits`.

        Returns:
            A table; for all repositories, a dict of tables and errors.

        Raises:
            RepoError: The one repository could not be synced or read.
        """
        if path_or_url is None:
            return self._manager.changes_all(_refs(refs), merges)
        return self._manager.changes(_text(path_or_url), _refs(refs), merges)

    @returns_job
    def bulk_blame(
        self, path_or_url: _Source, file_paths: Iterable[str] | None = None
    ) -> Job[dict[str, Table[Hunk] | RepoError]]:
        """Who wrote which lines of files at HEAD, with the lines themselves.

        Args:
            path_or_url: A source, the ``temp_dir`` of its clone, or any other path or URL.
            file_paths: Paths in the repository; None for every text file.

        Returns:
            For each path its hunks, or why it could not be blamed. ``table.lines()`` gives one row per line.

        Raises:
            RepoError: The repository could not be synced or read at all.

        Example:
            >>> from simul.git import RepoManager
            >>> blame = RepoManager(["."]).bulk_blame(".", ["notes.txt"]).wait()
            >>> [(line["final_line_no"], line["line_content"]) for line in blame["notes.txt"].lines()]
            [(1, 'one'), (2, '2'), (3, 'three')]
        """
        paths = None if file_paths is None else _names(file_paths, "file_paths")
        return self._manager.bulk_blame(_text(path_or_url), paths)

    @returns_job
    def blame(self) -> Job[dict[str, Table[Hunk] | RepoError]]:
        """Who wrote which lines at HEAD, for every text file of every repository, without the lines themselves."""
        return self._manager.blame_all()

    @returns_job
    def analyze_branches(self, urls: Iterable[_Source] | None = None) -> Job[dict[str, Table[Branch] | RepoError]]:
        """Branches, remote branches and tags.

        Args:
            urls: Which repositories; None for all of the manager's.
        """
        if isinstance(urls, str | bytes | os.PathLike):
            raise TypeError(f"urls is a list of paths and URLs: [{os.fspath(urls)!r}]")
        return self._manager.branches(None if urls is None else [_text(url) for url in urls])

    @overload
    def ownership(self, path_or_url: None = None) -> Job[dict[str, Table[Ownership] | RepoError]]: ...
    @overload
    def ownership(self, path_or_url: _Source) -> Job[Table[Ownership]]: ...
    @returns_job
    def ownership(self, path_or_url: _Source | None = None) -> Job[Any]:
        """How many lines of each file at HEAD each author wrote.

        Args:
            path_or_url: One repository; None for all of the manager's.

        Returns:
            A table; for all repositories, a dict of tables and errors.

        Raises:
            RepoError: The one repository could not be synced or read.
        """
        if path_or_url is None:
            return self._manager.ownership_all()
        return self._manager.ownership(_text(path_or_url))

    def events(self) -> Events:
        """What is happening, from now on: ``for event in`` in plain code, ``async for event in`` in a coroutine.

        Returns:
            An iterator that ends when nothing of this manager is running any more, if something ever was: start the
            work first, or read in another task or thread.

        Example:
            >>> from simul.git import RepoManager
            >>> manager = RepoManager(["."])
            >>> job = manager.sync()
            >>> phases = [event.phase for event in manager.events()]
            >>> _ = job.wait()
            >>> phases[-1]
            'done'
        """
        return Events(self._manager.events())


def _text(source: _Source) -> str:
    return os.fspath(source)


def _names(names: Iterable[str], argument: str) -> list[str]:
    if isinstance(names, str | bytes):
        raise TypeError(f"{argument} is a list: [{names!r}]")
    return list(names)


def _refs(refs: _Refs) -> str | list[str]:
    return refs if isinstance(refs, str) else list(refs)


def _seconds(limit: float | timedelta | None) -> float | None:
    return limit.total_seconds() if isinstance(limit, timedelta) else limit


def _github_host() -> str:
    """The host that GitHub's own runners name, else github.com."""
    return urlsplit(os.environ.get("GITHUB_SERVER_URL", "")).netloc.rpartition("@")[2] or "github.com"
