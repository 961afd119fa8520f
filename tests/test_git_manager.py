"""Many repositories from Python: keys, failures beside results, clones, events, cancelling."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

import simul
from simul import InvalidError, RepoError, git
from tests.conftest import git as run_git
from tests.git_server import GitServer

MANY = (
    "sync clone clone_all fetch_clone_tasks analyze_commits commits changes bulk_blame blame analyze_branches ownership"
)


@pytest.fixture
def urls(git_folder: Path, tmp_path: Path) -> list[str]:
    """Two bare repositories with file:// URLs, spelled as people spell them."""
    found = []
    for name in ("alice/hw1.git", "bob/hw1.git"):
        bare = tmp_path / "server" / name
        bare.parent.mkdir(parents=True)
        run_git(tmp_path, "clone", "--quiet", "--bare", str(git_folder), str(bare))
        found.append(bare.as_uri())
    return [found[0] + "/", found[1]]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.mark.parametrize("name", MANY.split())
def test_every_method_is_a_coroutine_function_to_the_world(name: str) -> None:
    method = getattr(git.RepoManager(["."]), name)
    assert inspect.iscoroutinefunction(method)
    assert inspect.iscoroutinefunction(getattr(git.RepoManager, name))


def test_results_are_keyed_by_the_callers_strings_in_the_callers_order(
    urls: list[str], git_folder: Path, cache: Path
) -> None:
    sources = [urls[1], str(git_folder) + "/", urls[0], "./no/such/folder", "https://[broken"]
    manager = git.RepoManager(sources, cache=cache)
    for job in (manager.commits(), manager.changes(), manager.blame(), manager.analyze_branches(), manager.ownership()):
        results = job.wait()
        assert list(results) == sources
        assert [type(result) for result in results.values()] == [git.Table, git.Table, git.Table, RepoError, RepoError]
        table = results[urls[0]]
        assert isinstance(table, git.Table)
        assert set(table.column("repo")) == {urls[0]}
    synced = manager.sync().wait()
    assert list(synced) == sources
    here = synced[urls[0]]
    assert isinstance(here, git.Synced)
    assert Path(here.path).is_dir()
    assert (here.head, here.in_place, here.shallow, here.fsck_relaxed) == ("main", False, False, False)
    local = synced[sources[1]]
    assert isinstance(local, git.Synced)
    assert (local.head, local.in_place, local.cloned) == ("main", True, False)
    assert list(manager.analyze_branches([urls[0]]).wait()) == [urls[0]]


def test_a_failure_beside_results_is_typed_and_says_what_to_do(git_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    manager = git.RepoManager([git_folder, tmp_path / "plain", tmp_path / "missing"])
    results = manager.commits().wait()
    kinds = [getattr(result, "kind", "table") for result in results.values()]
    assert kinds == ["table", "not_a_repository", "not_found"]
    error = results[str(tmp_path / "missing")]
    assert isinstance(error, RepoError)
    assert isinstance(error, simul.SimulError)
    assert error.repo == str(tmp_path / "missing")
    assert error.detail
    assert error.phase
    with pytest.raises(RepoError) as raised:
        manager.analyze_commits(tmp_path / "missing").wait()
    assert raised.value.kind == "not_found"
    with pytest.raises(RepoError):
        asyncio.run(awaited(manager, tmp_path / "missing"))


async def awaited(manager: git.RepoManager, source: Path) -> git.Table[git.Commit]:
    return await manager.analyze_commits(source)


def test_clones_are_told_by_their_tasks_and_never_raise(urls: list[str], cache: Path) -> None:
    sources = [*urls, "file:///no/such/repository"]
    manager = git.RepoManager(sources, github_username="", github_token="", cache=cache)
    before = manager.fetch_clone_tasks().wait()
    assert {task.status.status_type for task in before.values()} == {"queued"}
    assert manager.clone_all().wait() is None  # type: ignore[func-returns-value]
    assert manager.clone(urls[0]).wait() is None  # type: ignore[func-returns-value]
    tasks = manager.fetch_clone_tasks().wait()
    assert list(tasks) == sources
    for url in urls:
        task = tasks[url]
        assert (task.url, task.status.status_type, task.status.progress, task.status.error) == (
            url,
            "completed",
            100,
            None,
        )
        assert task.temp_dir is not None
        assert len(manager.analyze_commits(task.temp_dir).wait()) == 3
    failed = tasks[sources[2]]
    assert failed.status.status_type == "failed"
    assert isinstance(failed.status.error, str)
    assert failed.status.error
    assert failed.temp_dir is None


SEED = """
import argparse
from simul import setup_async, async_handler, RepoManager

setup_async()

@async_handler
async def analyze_repo(repo_url, token):
    manager = RepoManager([repo_url], github_username="", github_token=token)
    await manager.clone(repo_url)
    status = await manager.fetch_clone_tasks()
    if status[repo_url].status.status_type == "completed":
        path = status[repo_url].temp_dir
        commits = await manager.analyze_commits(path)
        return commits
    else:
        raise RuntimeError(f"Failed to clone: {status[repo_url].status.error}")

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("repo_url", help="GitHub repository URL")
    parser.add_argument("token", help="GitHub personal access token")
    args = parser.parse_args()

    try:
        commits = analyze_repo(args.repo_url, args.token)
        print(f"Found {len(commits)} commits:")
        for commit in commits[:5]:  # Show first 5
            print(f"{commit['hash'][:8]} - {commit['message']}")
    except Exception as e:
        print(f"Error: {e}")

if __name__ == "__main__":
    main()
"""


def test_the_command_line_tool_of_the_seed_runs(run_program, git_folder: Path, urls: list[str], tmp_path: Path) -> None:
    program = tmp_path / "tool.py"
    program.write_text(SEED, encoding="utf-8")
    expected = run_git(git_folder, "log", "--format=%h - %s", "--abbrev=8")
    assert run_program(str(program), urls[0], "") == "Found 3 commits:\n" + expected
    assert run_program(str(program), str(git_folder), "token") == "Found 3 commits:\n" + expected
    failed = run_program(str(program), "file:///no/such/repository", "")
    assert failed.startswith("Error: Failed to clone: ")
    assert len(failed.splitlines()) == 1


def test_a_second_sync_fetches_only_what_is_new(urls: list[str], cache: Path, git_folder: Path) -> None:
    manager = git.RepoManager(urls[:1], cache=cache)
    first = manager.sync().wait()[urls[0]]
    assert isinstance(first, git.Synced)
    assert (first.cloned, first.fetched) == (True, True)
    again = git.RepoManager(urls[:1], cache=cache).sync().wait()[urls[0]]
    assert isinstance(again, git.Synced)
    assert (again.cloned, again.fetched, again.path, again.bytes) == (False, False, first.path, 0)


def test_events_end_with_the_work_in_plain_code_and_in_a_coroutine(urls: list[str], tmp_path: Path) -> None:
    manager = git.RepoManager(urls, cache=tmp_path / "one")
    job = manager.sync()
    plain = list(manager.events())
    assert {event.repo for event in plain} == set(urls)
    assert {event.repo for event in plain if event.phase == "done"} == set(urls)
    assert all(event.at > 0 and event.done >= 0 for event in plain)
    job.wait()

    async def read() -> list[git.Event]:
        manager = git.RepoManager(urls, cache=tmp_path / "two")
        async with asyncio.TaskGroup() as group:
            group.create_task(manager.sync())
            return [event async for event in manager.events()]

    assert {event.repo for event in asyncio.run(read()) if event.phase == "done"} == set(urls)


def test_on_event_is_told_by_whoever_waits_before_the_result(urls: list[str], tmp_path: Path) -> None:
    told: list[tuple[str, git.Event]] = []

    def on_event(event: git.Event) -> None:
        told.append((threading.current_thread().name, event))

    git.RepoManager(urls, cache=tmp_path / "one", on_event=on_event).sync().wait()
    assert {event.repo for _, event in told if event.phase == "done"} == set(urls)
    allowed = {threading.current_thread().name}
    assert {name for name, _ in told if not name.startswith("Dummy")} <= allowed
    told.clear()

    async def sync() -> None:
        await git.RepoManager(urls, cache=tmp_path / "two", on_event=on_event).sync()

    asyncio.run(sync())
    assert {event.repo for _, event in told if event.phase == "done"} == set(urls)


def test_what_on_event_raises_is_reported_and_stops_nothing(
    urls: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: reported.append(str(raised.exc_value)))

    def on_event(event: git.Event) -> None:
        raise ValueError(f"no thanks: {event.phase}")

    results = git.RepoManager(urls, cache=cache, on_event=on_event).sync().wait()
    assert [type(result) for result in results.values()] == [git.Synced] * 2
    assert "no thanks: done" in reported


def test_a_manager_that_its_own_callback_knows_is_collected(git_folder: Path) -> None:
    class Watcher:
        def __init__(self) -> None:
            self.manager = git.RepoManager([git_folder], on_event=self.on_event)

        def on_event(self, event: git.Event) -> None:
            pass

    watcher = Watcher()
    watcher.manager.commits().wait()
    gone: list[bool] = []
    import weakref

    weakref.finalize(watcher, gone.append, True)  # noqa: FBT003
    del watcher
    gc.collect()
    assert gone == [True]


def test_a_cancelled_clone_leaves_nothing(urls: list[str], cache: Path) -> None:
    manager = git.RepoManager(urls, cache=cache)
    job = manager.sync()
    job.cancel()
    with pytest.raises(simul.CancelledError):
        job.wait()
    results = manager.commits().wait()
    assert [type(result) for result in results.values()] == [git.Table] * 2
    assert not [path for path in cache.rglob("*tmp*") if path.is_dir()]


@pytest.mark.parametrize("end", ["cancel", "task", "timeout"])
def test_a_clone_that_nobody_wants_any_more_ends_at_the_far_end(
    git_folder: Path, tmp_path: Path, cache: Path, end: str
) -> None:
    run_git(tmp_path, "clone", "--quiet", "--bare", str(git_folder), str(tmp_path / "root" / "stalled" / "a.git"))
    with GitServer(tmp_path / "root", "") as server:
        manager = git.RepoManager([f"http://{server.host}/stalled/a.git"], cache=cache)

        async def in_a_task() -> None:
            async with asyncio.timeout(60) as limit:
                task = asyncio.create_task(waited())
                await asyncio.to_thread(server.stalled.wait)
                if end == "task":
                    task.cancel()
                else:
                    limit.reschedule(0)
                await task

        async def waited() -> object:
            return await manager.sync()

        match end:
            case "cancel":
                job = manager.sync()
                assert server.stalled.wait(60)
                assert job.cancel()
            case "task":
                with pytest.raises(asyncio.CancelledError):
                    asyncio.run(in_a_task())
            case _:
                with pytest.raises(TimeoutError):
                    asyncio.run(in_a_task())
        assert server.left.wait(60), "git is still there"
    tasks = manager.fetch_clone_tasks().wait()
    assert [task.temp_dir for task in tasks.values()] == [None]


def test_a_token_is_in_no_repr_error_or_environment(
    git_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "ghp_doNotShowThis"  # noqa: S105
    monkeypatch.delenv("GITHUB_SERVER_URL", raising=False)
    url = f"http://{token}@127.0.0.1:9/a.git"
    manager = git.RepoManager([git_folder, url], "someone", token, auth={"127.0.0.1:9": token}, cache=cache)
    assert repr(manager) == "<simul.git.RepoManager 2 repositories, jobs=8>"
    error = manager.sync().wait()[url]
    assert isinstance(error, RepoError)
    shown = [repr(error), str(error), error.repo, error.detail, str(error.hint)]
    shown += [repr(event) for event in manager.events()]
    assert not [text for text in shown if token in text]
    assert token not in os.environ.values()
    for path in cache.rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes()


def test_arguments_that_cannot_work_are_refused_at_once(git_folder: Path) -> None:
    with pytest.raises(TypeError, match="urls is a list"):
        git.RepoManager(str(git_folder))
    with pytest.raises(InvalidError, match="1 or more"):
        git.RepoManager([git_folder], jobs=0)
    for limits in (git.Limits(bytes=-1), git.Limits(seconds=0), git.Limits(stall_seconds=float("nan"))):
        with pytest.raises(simul.SimulError, match="limit"):
            git.RepoManager([git_folder], limits=limits)
    manager = git.RepoManager(
        [git_folder], limits=git.Limits(bytes=None, seconds=timedelta(minutes=5), stall_seconds=None)
    )
    with pytest.raises(InvalidError, match="first-parent"):
        manager.analyze_commits(git_folder, merges="all")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="file_paths is a list"):
        manager.bulk_blame(git_folder, "notes.txt")
    with pytest.raises(TypeError):
        manager.analyze_commits(b".")  # type: ignore[arg-type]


def test_errors_and_events_name_a_repository_as_the_caller_did(cache: Path) -> None:
    url = "http://LOCALHOST:9/Alice/HW1.git/"
    manager = git.RepoManager([url], cache=cache)
    job = manager.sync()
    events = list(manager.events())
    error = job.wait()[url]
    assert isinstance(error, RepoError)
    assert error.kind == "connect"
    assert {error.repo, *(event.repo for event in events)} == {url}


def test_refs_and_merges_widen_what_is_counted(git_folder: Path) -> None:
    run_git(git_folder, "checkout", "--quiet", "-b", "topic", "HEAD~1")
    (git_folder / "topic.txt").write_text("1\n2\n", encoding="utf-8")
    run_git(git_folder, "add", "-A")
    run_git(git_folder, "commit", "--quiet", "-m", "Topic")
    run_git(git_folder, "checkout", "--quiet", "main")
    manager = git.RepoManager([git_folder])

    def shas(**options: object) -> list[str]:
        return [commit.sha for commit in manager.analyze_commits(git_folder, **options).wait()]  # type: ignore[arg-type]

    assert shas() == run_git(git_folder, "log", "--format=%H").split()
    assert shas(refs="all") == run_git(git_folder, "log", "--all", "--format=%H").split()
    assert shas(refs="topic") == shas(refs=["topic"]) == run_git(git_folder, "log", "topic", "--format=%H").split()
    run_git(git_folder, "merge", "--quiet", "--no-ff", "-m", "Merge", "topic")
    assert manager.analyze_commits(git_folder).wait()[0].additions == 0
    assert manager.analyze_commits(git_folder, merges="first-parent").wait()[0].additions == 2
    with pytest.raises(RepoError) as raised:
        manager.analyze_commits(git_folder, refs="no-such-branch").wait()
    assert raised.value.kind == "missing"


def test_one_manager_serves_threads_and_loops_at_once(git_folder: Path) -> None:
    manager = git.RepoManager([git_folder], jobs=2)
    counts: list[int] = []

    def plain() -> None:
        counts.append(len(manager.analyze_commits(git_folder).wait()))

    def looped() -> None:
        counts.append(len(asyncio.run(awaited(manager, git_folder))))

    threads = [threading.Thread(target=target) for target in (plain, looped) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [3] * 8


def test_a_token_goes_to_its_own_host_and_nowhere_else(
    git_folder: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "ghp_onlyThere"  # noqa: S105
    for name in ("public/a.git", "private/b.git"):
        run_git(tmp_path, "clone", "--quiet", "--bare", str(git_folder), str(tmp_path / "root" / name))
    with GitServer(tmp_path / "root", token) as bound, GitServer(tmp_path / "root", token) as other:
        sources = [f"http://{bound.host}/public/a.git", f"http://{bound.host}/private/b.git"]
        sources += [f"http://{other.host}/private/b.git", f"http://{bound.host}/public/none.git"]
        manager = git.RepoManager(sources, auth={bound.host: token}, cache=cache)
        results = manager.commits().wait()
        assert [getattr(result, "kind", "table") for result in results.values()] == [
            "table",
            "table",
            "auth",
            "not_found",
        ]
        assert any(with_token for _, with_token in bound.requests)
        assert not any(with_token for _, with_token in other.requests)
        monkeypatch.setenv("GITHUB_SERVER_URL", f"http://{bound.host}")
        named = git.RepoManager(sources[1:3], "", token, cache=tmp_path / "third").commits().wait()
        assert [getattr(result, "kind", "table") for result in named.values()] == ["table", "auth"]
        assert not any(with_token for _, with_token in other.requests)
        without = git.RepoManager(sources[1:2], github_token="", auth={bound.host: ""}, cache=tmp_path / "second")
        failed = without.sync().wait()[sources[1]]
        assert isinstance(failed, RepoError)
        assert failed.kind == "auth"
        assert failed.hint
        count = len(bound.requests)
        manager.sync().wait()
        again = [path for path, _ in bound.requests[count:]]
        assert again
        assert not [path for path in again if "git-receive-pack" in path]
    for path in cache.rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()
