"""What type checkers must see of the public interface. Read by mypy and basedpyright in `./dev check`, never run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, assert_type

import simul
from simul import Job, RepoManager
from simul.git import Change, Commit, Hunk, Synced, Table


def waiting_gives_the_value(job: Job[int]) -> None:
    assert_type(job.wait(), int)
    assert_type(job.wait(1.5), int)
    assert_type(job.wait(timedelta(seconds=1)), int)
    assert_type(job.result(), int)
    assert_type(job.exception(), BaseException | None)
    assert_type(job.done(), bool)
    assert_type(job.cancel(), bool)


async def awaiting_gives_the_value(job: Job[str]) -> None:
    assert_type(await job, str)
    assert_type(await asyncio.wait_for(job, 1), str)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(job)
    assert_type(task.result(), str)


def a_job_is_a_coroutine(job: Job[bytes]) -> Coroutine[Any, Any, bytes]:
    return job


def detaching_gives_the_job(job: Job[int]) -> None:
    assert_type(job.detach(), Job[int])


def repositories(manager: RepoManager) -> None:
    assert_type(manager.sync(), Job[dict[str, Synced | simul.RepoError]])
    assert_type(manager.analyze_commits("."), Job[Table[Commit]])
    assert_type(manager.commits(), Job[dict[str, Table[Commit] | simul.RepoError]])
    assert_type(manager.changes("."), Job[Table[Change]])
    assert_type(manager.changes(), Job[dict[str, Table[Change] | simul.RepoError]])
    assert_type(manager.bulk_blame(".", ["a.py"]), Job[dict[str, Table[Hunk] | simul.RepoError]])


def tables(table: Table[Commit]) -> None:
    assert_type(table[0], Commit)
    assert_type(table[:5], Table[Commit])
    assert_type([commit.sha for commit in table], list[str])
    assert_type(table[0].author_time, datetime | None)
    assert_type(table.to_csv(), str)
    table.to_parquet("commits.parquet")


@simul.async_handler
async def plain(number: int) -> str:
    return str(number)


def a_handled_coroutine_is_plain() -> None:
    assert_type(plain(1), str)
