"""How far each repository's clone is, and what a sync brought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CloneStatus", "CloneTask", "Synced"]


@dataclass(frozen=True, slots=True)
class CloneStatus:
    """How far a clone is.

    Args:
        status_type: ``"queued"``, ``"cloning"``, ``"completed"`` or ``"failed"``.
        progress: Percent, 0 to 100, once known.
        error: Why it failed, in one line; None otherwise.
    """

    status_type: Literal["queued", "cloning", "completed", "failed"]
    progress: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class CloneTask:
    """One repository of a manager and its clone.

    Args:
        url: The caller's string.
        status: How far it is.
        temp_dir: Where the repository is read: the mirror's path, or the path given; None until it is there. It goes
            into :meth:`RepoManager.analyze_commits`. Despite its name the mirror is kept, and later calls fetch only
            what is new.
    """

    url: str
    status: CloneStatus
    temp_dir: str | None = None


@dataclass(frozen=True, slots=True)
class Synced:
    """A repository that is ready to be read.

    Args:
        path: Where it is: the mirror's path, or the path given.
        in_place: It is the caller's own path; nothing was copied.
        cloned: It was cloned now.
        fetched: Branches, tags or HEAD have changed since the last sync.
        shallow: Its history is cut off, because the source's is.
        head: The default branch (``main``); None if HEAD is a commit.
        fsck_relaxed: Objects with known harmless faults were accepted, as old repositories need.
        bytes: Bytes received now, as git reports them (it tells none for a small transfer); 0 for what another caller
            received meanwhile.
    """

    path: str
    in_place: bool
    cloned: bool
    fetched: bool
    shallow: bool
    head: str | None
    fsck_relaxed: bool
    bytes: int
