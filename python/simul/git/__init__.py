"""Many git repositories at once: sync, history, blame, branches, ownership.

Every number equals git's. Results are tables (:class:`Table`): columns in Arrow's format, which pandas, polars, duckdb
and pyarrow read without a Python object per cell, and rows that are typed records.

    >>> from simul.git import RepoManager
    >>> manager = RepoManager(["."])
    >>> commits = manager.analyze_commits(".").wait()  # in a coroutine: await manager.analyze_commits(".")
    >>> commits[0]["hash"] == commits[0].sha
    True
"""

from __future__ import annotations

from simul._simul import Table
from simul.errors import RepoError
from simul.git.events import Event, Events, Phase
from simul.git.manager import Limits, RepoManager
from simul.git.records import Author, Branch, Change, Commit, Hunk, Line, Ownership, Record
from simul.git.status import CloneStatus, CloneTask, Synced

__all__ = [
    "Author",
    "Branch",
    "Change",
    "CloneStatus",
    "CloneTask",
    "Commit",
    "Event",
    "Events",
    "Hunk",
    "Limits",
    "Line",
    "Ownership",
    "Phase",
    "Record",
    "RepoError",
    "RepoManager",
    "Synced",
    "Table",
]
