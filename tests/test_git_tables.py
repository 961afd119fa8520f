"""Tables and records: what Python and other readers find in them, on a repository that git made."""

from __future__ import annotations

import asyncio
import copy
import csv
import gc
import io
import json
import pickle
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simul import StoreError, git
from simul._simul import table_columns
from simul.git.records import _RECORDS
from tests.conftest import git as run_git

MESSAGE = 'Second, "quoted"\n\nBody with a comma,\nand =2+2\n'


@pytest.fixture
def folder(git_folder: Path) -> Path:
    """Five commits: three from the shared fixture, one with everything odd, one merge."""
    (git_folder / "a,b.py").write_text("x = 1\ny = 2\n", encoding="utf-8")
    (git_folder / "blob.bin").write_bytes(bytes(range(256)))
    run_git(git_folder, "add", "-A")
    run_git(git_folder, "checkout", "--quiet", "-b", "topic")
    run_git(git_folder, "commit", "--quiet", "-m", MESSAGE, GIT_AUTHOR_NAME="Böb", GIT_AUTHOR_DATE="1777679940 -0330")
    run_git(git_folder, "checkout", "--quiet", "main")
    run_git(git_folder, "merge", "--quiet", "--no-ff", "-m", "Merge topic", "topic")
    run_git(git_folder, "tag", "v1")
    return git_folder


@pytest.fixture
def manager(folder: Path) -> git.RepoManager:
    return git.RepoManager([folder])


@pytest.fixture
def commits(manager: git.RepoManager, folder: Path) -> git.Table[git.Commit]:
    return manager.analyze_commits(folder).wait()


def test_a_record_class_exists_for_each_table_and_has_each_column() -> None:
    assert len(_RECORDS) == 7
    for name, record in _RECORDS.items():
        columns = table_columns(name)
        assert len(columns) > 5
        for column in columns:
            described = vars(record)[column]
            assert described.column == column, f"{name}.{column}"
            assert described.__doc__


def test_commits_equal_git_log(commits: git.Table[git.Commit], folder: Path) -> None:
    log = run_git(folder, "log", "--format=%H%x00%P%x00%an%x00%ae%x00%at%x00%s%x00%b%x1e").split("\x1e\n")[:-1]
    assert len(commits) == len(log) == 5
    for commit, line in zip(commits, log, strict=True):
        sha, parents, name, email, seconds, subject, body = line.split("\0")
        assert (commit.sha, commit.parents, commit.author_name) == (sha, tuple(parents.split()), name)
        assert (commit.author_email, commit.author_timestamp, commit.subject) == (email, int(seconds), subject)
        assert commit.body == body.rstrip("\n")
        assert commit.is_merge == (len(commit.parents) > 1)
        numstat = run_git(folder, "show", "--diff-merges=off", "--numstat", "--format=", sha).splitlines()
        counts = [[int(word) for word in row.split("\t")[:2] if word != "-"] for row in numstat]
        assert (commit.additions, commit.deletions) == (
            sum(row[0] for row in counts if row),
            sum(row[1] for row in counts if row),
        )
        assert (commit.files, commit.binary_files) == (len(counts), sum(not row for row in counts))


def test_a_commit_answers_to_every_name(commits: git.Table[git.Commit], folder: Path) -> None:
    commit = next(commit for commit in commits if commit.author_name == "Böb")
    assert commit["hash"] == commit["sha"] == commit.sha == run_git(folder, "rev-parse", "topic").strip()
    assert commit["message"] == commit.message == MESSAGE.strip()
    assert commit["author_timestamp"] == 1777679940
    assert commit["author_offset"] == -210
    assert commit.author_time == datetime(2026, 5, 1, 23, 59, tzinfo=UTC)
    assert commit["repo_name"] == commit.repo == str(folder)
    assert commit["additions"] == 2
    assert commit["deletions"] == 0
    assert commit["is_merge"] is False
    seed = "sha message author_name author_email author_timestamp author_offset committer_name committer_email"
    for key in [*seed.split(), "committer_timestamp", "committer_offset", "hash", "repo_name"]:
        assert key in commit
        assert commit[key] == getattr(commit, key) == commit.get(key)
    with pytest.raises(KeyError, match="Commit has no 'nothing'; it has additions"):
        commit["nothing"]


def test_a_record_is_a_mapping_of_the_columns(commits: git.Table[git.Commit]) -> None:
    commit = commits[0]
    assert list(commit) == list(commit.keys()) == commits.column_names
    assert dict(commit) == commit.to_dict() == commits.to_dicts()[0]
    assert commit == dict(commit) == commits[0]
    assert commit != commits[1]
    assert len({commits[0], commits[0], commits[1]}) == 2
    assert "sha=" in repr(commit)
    assert commit.sha in repr(commit)
    for twin in (pickle.loads(pickle.dumps(commit)), copy.deepcopy(commit)):  # noqa: S301  (our own)
        assert twin == commit
        assert type(twin) is git.Commit
    with pytest.raises(AttributeError):
        commit.sha = "other"  # type: ignore[misc, assignment]


def test_a_table_is_a_sequence_and_a_slice_is_a_table(commits: git.Table[git.Commit]) -> None:
    rows = list(commits)
    assert [type(row) for row in rows] == [git.Commit] * 5
    assert len(commits) == commits.num_rows == 5
    assert commits[-1] == rows[-1] == commits[4]
    for part in (
        slice(2),
        slice(1, 4),
        slice(None, None, -1),
        slice(3, 1),
        slice(0, 99),
        slice(-2, None),
        slice(0, 5, 2),
    ):
        table = commits[part]
        assert isinstance(table, git.Table)
        assert list(table) == rows[part]
        assert table == commits[part]
        assert pa.table(table).num_rows == len(rows[part])
    assert list(reversed(commits)) == rows[::-1]
    assert rows[2] in commits
    for number in (5, -6, 10**30):
        with pytest.raises(IndexError):
            commits[number]
    with pytest.raises(TypeError, match=r"a column by table\.column\(name\)"):
        commits["sha"]  # type: ignore[call-overload]
    assert commits.column("sha") == [row.sha for row in rows]
    with pytest.raises(KeyError, match="no column"):
        commits.column("nothing")
    assert pickle.loads(pickle.dumps(commits)) == commits  # noqa: S301  (our own)
    assert commits != rows
    assert "commits: 5 rows" in repr(commits)
    assert "author_time: time, may be null" in commits.schema.splitlines()


def test_pandas_polars_duckdb_and_pyarrow_read_the_same(commits: git.Table[git.Commit]) -> None:
    rows = list(commits)
    arrow = pa.table(commits)
    assert pa.schema(commits) == arrow.schema
    assert arrow.schema.field("author_time").type == pa.timestamp("us", "UTC")
    assert arrow.column("sha").to_pylist() == [row.sha for row in rows]
    assert arrow.column("author_time").to_pylist() == [row.author_time for row in rows]
    assert arrow.column("parents").to_pylist() == [list(row.parents) for row in rows]
    polars = pl.DataFrame(commits)
    assert polars["repo"].cast(pl.String).to_list() == [row.repo for row in rows]
    assert polars["author_time"].to_list() == [row.author_time for row in rows]
    assert polars["additions"].sum() == sum(row.additions for row in rows)
    pandas = pd.DataFrame.from_arrow(commits)
    assert pandas["subject"].tolist() == [row.subject for row in rows]
    assert pandas["additions"].dtype == "int64"
    assert pandas["author_time"].tolist() == [row.author_time for row in rows]
    found = duckdb.sql("select sha, additions, epoch(author_time)::bigint, len(parents) from commits").fetchall()
    assert found == [(row.sha, row.additions, row.author_timestamp, len(row.parents)) for row in rows]


def test_a_reader_shares_the_columns_and_outlives_the_table(commits: git.Table[git.Commit]) -> None:
    shas = commits.column("sha")
    arrow, again = pa.table(commits), pa.table(commits)
    address = arrow.column("sha").chunk(0).buffers()[2].address
    assert address == again.column("sha").chunk(0).buffers()[2].address
    assert address == pa.table(commits[1:3]).column("sha").chunk(0).buffers()[2].address
    del commits, again
    gc.collect()
    assert arrow.column("sha").to_pylist() == shas


def test_a_stream_that_nobody_reads_is_released(commits: git.Table[git.Commit]) -> None:
    capsules = [commits.__arrow_c_stream__() for _ in range(100)]
    assert len(capsules) == 100
    kept = capsules.pop()
    del capsules
    reader = pa.RecordBatchReader._import_from_c_capsule(kept)
    assert reader.read_all().num_rows == 5
    del kept
    gc.collect()


def test_files_hold_what_the_table_holds(commits: git.Table[git.Commit], tmp_path: Path) -> None:
    for name, write in {"c.parquet": commits.to_parquet, "c.csv": commits.to_csv, "c.jsonl": commits.to_json}.items():
        assert write(tmp_path / name) is None  # type: ignore[func-returns-value]
        assert write(str(tmp_path / name)) is None  # type: ignore[func-returns-value]
    assert pq.read_table(tmp_path / "c.parquet").equals(pa.table(commits))
    text = (tmp_path / "c.csv").read_bytes().decode()
    assert text == commits.to_csv()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["sha"] for row in rows] == commits.column("sha")
    assert [row["body"] for row in rows] == commits.column("body")
    assert [row["parents"].split() for row in rows] == [list(row.parents) for row in commits]
    lines = (tmp_path / "c.jsonl").read_text(encoding="utf-8")
    assert lines == commits.to_json()
    assert [json.loads(line)["subject"] for line in lines.splitlines()] == commits.column("subject")
    assert json.loads(lines.splitlines()[0])["encoding"] is None
    names = {"c.parquet", "c.csv", "c.jsonl"}
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == names


def test_a_full_disk_and_a_missing_folder_say_what_to_do(commits: git.Table[git.Commit], tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the disk is full: free some space"):
        commits.to_csv("/dev/full")
    with pytest.raises(OSError, match="there is no such folder: create it first"):
        commits.to_parquet(tmp_path / "none" / "c.parquet")


def test_changes_equal_git_numstat(manager: git.RepoManager, folder: Path) -> None:
    changes = manager.changes(folder).wait()
    expected = []
    for sha in run_git(folder, "log", "--format=%H").split():
        for row in run_git(folder, "show", "--diff-merges=off", "--numstat", "-z", "-M", "--format=", sha).split("\0")[
            :-1
        ]:
            added, deleted, path = row.lstrip("\n").split("\t", 2)
            counts = (None, None) if added == "-" else (int(added), int(deleted))
            expected.append((sha, path, *counts))
    assert len(expected) > 4
    assert [(row.sha, row.path, row.additions, row.deletions) for row in changes] == expected
    binary = next(row for row in changes if row.path == "blob.bin")
    assert (binary.is_binary, binary.status, binary["hash"], binary.old_mode) == (True, "A", binary.sha, None)


def test_blame_equals_git_and_gives_lines(manager: git.RepoManager, folder: Path) -> None:
    blame = manager.bulk_blame(folder, ["notes.txt", "a,b.py", "missing.txt"]).wait()
    assert list(blame) == ["notes.txt", "a,b.py", "missing.txt"]
    missing = blame["missing.txt"]
    assert isinstance(missing, git.RepoError)
    assert missing.kind == "missing"
    hunks = blame["notes.txt"]
    assert isinstance(hunks, git.Table)
    lines = hunks.lines()
    porcelain = run_git(folder, "blame", "--line-porcelain", "notes.txt").splitlines()
    heads = [row.split() for row in porcelain if len(row.split()) in (3, 4) and len(row.split()[0]) == 40]
    texts = [row[1:] for row in porcelain if row.startswith("\t")]
    assert [
        (line["commit_id"], line["orig_line_no"], line["final_line_no"], line["line_content"]) for line in lines
    ] == [(head[0], int(head[1]), int(head[2]), text) for head, text in zip(heads, texts, strict=True)]
    assert sum(hunk.lines for hunk in hunks) == len(lines) == 3
    assert hunks[0]["commit_id"] == hunks[0].sha
    assert type(lines[0]) is git.Line
    with pytest.raises(TypeError, match=r"lines\(\) is for a blame table"):
        lines.lines()


def test_branches_answer_to_the_names_of_the_seed(manager: git.RepoManager, folder: Path) -> None:
    table = manager.analyze_branches().wait()[str(folder)]
    assert isinstance(table, git.Table)
    branches = {branch["name"]: branch for branch in table}
    assert set(branches) == {"main", "topic", "v1"}
    main = branches["main"]
    assert (main["is_head"], main["is_remote"], main["remote_name"]) == (True, False, None)
    assert main["commit_id"] == run_git(folder, "rev-parse", "main").strip()
    assert main["commit_message"] == "Merge topic"
    assert (branches["topic"]["is_head"], branches["topic"]["author_name"]) == (False, "Böb")
    assert branches["topic"]["author_email"] == "ada@example.org"
    assert branches["topic"]["author_timestamp"] == 1777679940
    assert (branches["v1"].kind, branches["v1"].full_name) == ("tag", "refs/tags/v1")


def test_ownership_sums_to_the_lines_of_each_file(manager: git.RepoManager, folder: Path) -> None:
    shares = manager.ownership(folder).wait()
    files = {share.path: share.total_lines for share in shares}
    assert files == {"a,b.py": 2, "notes.txt": 3}
    for path, total in files.items():
        of_file = [share for share in shares if share.path == path]
        assert sum(share.lines for share in of_file) == total
        assert sum(share.share for share in of_file) == pytest.approx(1)


def test_authors_equal_git_shortlog(commits: git.Table[git.Commit], folder: Path) -> None:
    authors = commits.authors()
    counted = subprocess.run(
        ["git", "shortlog", "-sne", "HEAD"], cwd=folder, capture_output=True, text=True, check=True
    )
    expected = {line.split("\t")[1]: int(line.split("\t")[0]) for line in counted.stdout.splitlines()}
    assert {f"{author.name} <{author.email}>": author.commits for author in authors} == expected
    assert sum(author.additions for author in authors) == sum(commit.additions for commit in commits)
    assert authors[0].first_time == min(
        c.author_time for c in commits if c.author_name == authors[0].name and c.author_time
    )
    with pytest.raises(TypeError, match=r"authors\(\) is for a commits table"):
        authors.authors()


def test_a_table_is_the_same_from_a_coroutine_and_from_plain_code(manager: git.RepoManager, folder: Path) -> None:
    async def both() -> tuple[git.Table[git.Commit], git.Table[git.Commit]]:
        return await asyncio.gather(manager.analyze_commits(folder), manager.analyze_commits(str(folder)))

    one, two = asyncio.run(both())
    assert one == two == manager.analyze_commits(folder).wait()
