"""What type checkers must see of the public interface. Read by mypy and basedpyright in `./dev check`, never run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, assert_type

import simul
from simul import Job, RepoManager
from simul.detection import Report, Site
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


@simul.smartasync
async def smart(number: int, *, word: str = "") -> str:
    return word * number


@simul.smartasync
def smart_and_plain(number: int) -> str:
    return str(number)


@simul.smartasync
async def smart_generator(number: int) -> AsyncGenerator[str, int]:
    yield str(number)


@simul.smartasync
@asynccontextmanager
async def smart_manager(number: int) -> AsyncGenerator[str, None]:
    yield str(number)


class Smart:
    @simul.smartasync
    async def method(self, number: int) -> str:
        return str(number)

    @simul.smartasync
    def plain_method(self, number: int) -> str:
        return str(number)

    @simul.async_handler
    async def handled(self, number: int) -> str:
        return str(number)


def a_smart_function_says_what_it_gives_plain_code() -> None:
    assert_type(smart.sync(1, word="a"), str)
    assert_type(smart_and_plain.sync(1), str)
    assert_type(smart_generator.sync(1), Generator[str, int, None])
    with smart_manager.sync(1) as text:
        assert_type(text, str)
    assert_type(Smart().method.sync(1), str)
    assert_type(Smart().plain_method.sync(1), str)
    assert_type(Smart().handled(1), str)


async def a_smart_function_says_what_it_gives_async_code() -> None:
    assert_type(await smart.aio(1, word="a"), str)
    assert_type(await smart_and_plain.aio(1), str)
    async for text in smart_generator.aio(1):
        assert_type(text, str)
    async with smart_manager.aio(1) as text:
        assert_type(text, str)
    assert_type(await Smart().method.aio(1), str)
    assert_type(await Smart().plain_method.aio(1), str)


async def coroutine(number: int) -> str:
    return str(number)


def run_gives_the_value(job: Job[int]) -> None:
    assert_type(simul.run(coroutine(1)), str)
    assert_type(simul.run(job, timeout=timedelta(seconds=1)), int)
    assert_type(simul.smartcontinuation(1, str), str)


async def a_queue_knows_its_items(words: simul.Queue[str]) -> None:
    assert_type(await words.get(), str)
    assert_type(words.get().wait(timeout=1), str)
    assert_type(words.get_nowait(), str)
    assert_type(await words.put("a"), None)
    assert_type(simul.PriorityQueue[tuple[int, str]](maxsize=2).get_nowait(), tuple[int, str])
    words.put_nowait(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def detection_says_what_it_found() -> None:
    with simul.debug(0.1, on_report=lambda report: assert_type(report, Report)) as watch:
        assert_type(watch.reports, list[Report])
    assert_type(simul.debug(timedelta(milliseconds=50)).missed, int)
    for report in watch.reports:
        assert_type(report.site, Site | None)
        assert_type(report.seconds, float | None)


async def load(number: int, *, key: str) -> bytes:
    return f"{number}{key}".encode()


async def flights(lock: simul.SmartLock) -> None:
    assert_type(await lock.run_once(load, 1, key="k"), bytes)
    assert_type(lock.run_once(load, 1, key="k").wait(), bytes)
    assert_type(lock.run_once(load, 1, key="k").wait(timedelta(seconds=1)), bytes)
    assert_type(lock.for_key("k"), simul.SmartLock)
    assert_type(await asyncio.create_task(lock.run_once(load, 1, key="k")), bytes)
    lock.run_once(load, "1", key="k")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnusedCoroutine]
    lock.run_once(load, 1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue, reportUnusedCoroutine]


def _square(number: int, *, scale: float = 1.0) -> float:
    return number * scale


async def _double(number: int) -> str:
    return str(number * 2)


async def a_thread_gives_what_the_function_gives() -> None:
    assert_type(await simul.to_thread(_square, 1), float)
    assert_type(await simul.to_thread(_square, 1, scale=2.0), float)
    assert_type(await simul.to_thread(_square, 1, abandon_on_cancel=True), float)
    assert_type(await simul.to_thread(_square, 1, scale=2.0, abandon_on_cancel=True), float)


def a_worker_gets_what_the_loop_gives() -> None:
    assert_type(simul.from_thread.run(_double, 1), str)
    assert_type(simul.from_thread.run_sync(_square, 1, scale=2.0), float)


def a_portal_gives_what_the_coroutine_gives(portal: simul.Portal, agen: AsyncGenerator[int, None]) -> None:
    assert_type(portal.call(_double, 1), str)
    assert_type(portal.call(_square, 1), float)
    assert_type(portal.start_soon(_double, 1).result(), str)
    assert_type(portal.wrap_agen(agen), Generator[int, Any, None])
