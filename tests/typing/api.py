"""What type checkers must see of the public interface. Read by mypy and basedpyright in `./dev check`, never run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, assert_type

import simul
from simul import Job, RepoManager
from simul.git import Commit, Table


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
    assert_type(manager.analyze_commits("."), Job[Table[Commit]])
    assert_type(manager.commits(), Job[dict[str, Table[Commit] | simul.RepoError]])


@simul.async_handler
async def plain(number: int) -> str:
    return str(number)


def a_handled_coroutine_is_plain() -> None:
    assert_type(plain(1), str)
