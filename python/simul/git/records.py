"""Records: the rows of tables, each a typed view of one row that also answers to ``record["key"]``.

docs/tables.md lists every column and every other name that a record answers to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar, overload

from simul._simul import Table, table_columns

__all__ = ["Author", "Branch", "Change", "Commit", "Hunk", "Line", "Ownership", "Record"]

_T = TypeVar("_T")


class _Column(Generic[_T]):
    """A value of a record, read from its table when it is asked for.

    Args:
        doc: What it is.
        of: The column, where the attribute has another name.
        read: What makes the value of the column's.
    """

    index: int

    def __init__(self, doc: str, *, of: str = "", read: Callable[[Any], _T] | None = None) -> None:
        self.__doc__ = doc
        self.column = of
        self.read = read

    def __set_name__(self, owner: type, name: str) -> None:
        self.column = self.column or name

    @overload
    def __get__(self, record: None, owner: type) -> _Column[_T]: ...
    @overload
    def __get__(self, record: Record, owner: type) -> _T: ...
    def __get__(self, record: Record | None, owner: type) -> _T | _Column[_T]:
        if record is None:
            return self
        value = record.cell(self.index)
        return self.read(value) if self.read else value


class Record(Mapping[str, Any]):
    """One row of a table.

    A mapping of the table's columns: ``dict(record)``, ``record["sha"]``, ``"sha" in record``; the same values are
    attributes. Other names that it answers to are not among its ``keys()``. It keeps its table in memory, and can be
    pickled without it.

    Args:
        table: The table.
        row: Which row, from 0.
    """

    __slots__ = ("_row", "_table")

    _names: ClassVar[tuple[str, ...]] = ()
    _answers: ClassVar[frozenset[str]] = frozenset()
    _shown: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, table: str, shown: str) -> None:
        cls._names = tuple(table_columns(table))
        cls._shown = tuple(shown.split())
        answers = set(cls._names)
        for name, value in vars(cls).items():
            if isinstance(value, _Column):
                value.index = cls._names.index(value.column)
                answers.add(name)
            elif isinstance(value, property):
                answers.add(name)
        cls._answers = frozenset(answers)

    def __init__(self, table: Table[Any], row: int) -> None:
        self._table = table
        self._row = row

    def cell(self, column: int) -> Any:
        """The value of the column at this position of the table."""
        return self._table.cell(self._row, column)

    def to_dict(self) -> dict[str, Any]:
        """The columns' values by name."""
        return dict(zip(self._names, self._table.row(self._row), strict=True))

    def __getitem__(self, key: str) -> Any:
        if key in self._answers:
            return getattr(self, key)
        raise KeyError(f"{type(self).__name__} has no {key!r}; it has {', '.join(sorted(self._answers))}")

    def __contains__(self, key: object) -> bool:
        return key in self._answers

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Record):
            return type(self) is type(other) and self._table.row(self._row) == other._table.row(other._row)
        if isinstance(other, Mapping):
            mapping: Mapping[Any, Any] = other  # pyright: ignore[reportUnknownVariableType]
            return self.to_dict() == dict(mapping)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), self._table.row(self._row)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._table[self._row : self._row + 1], 0)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shown)
        return f"{type(self).__name__}({shown})"


def _seconds(time: datetime | None) -> int | None:
    return None if time is None else int(time.timestamp())


class Commit(Record, table="commits", shown="sha author_name author_time subject"):
    """A commit, as ``git log --numstat -M`` shows it."""

    __slots__ = ()

    repo = _Column[str]("Repository, as the caller named it.")
    sha = _Column[str]("Object id, hex.")
    parents = _Column[tuple[str, ...]]("Parents' object ids, in order.")
    tree = _Column[str]("Tree's object id.")
    author_name = _Column[str]("Author's name after .mailmap.")
    author_email = _Column[str]("Author's email after .mailmap.")
    author_raw_name = _Column[str]("Author's name as committed.")
    author_raw_email = _Column[str]("Author's email as committed.")
    author_time = _Column[datetime | None]("When it was written, in UTC.")
    author_offset_minutes = _Column[int]("Author's offset from UTC.")
    committer_name = _Column[str]("Committer's name after .mailmap.")
    committer_email = _Column[str]("Committer's email after .mailmap.")
    committer_raw_name = _Column[str]("Committer's name as committed.")
    committer_raw_email = _Column[str]("Committer's email as committed.")
    committer_time = _Column[datetime | None]("When it was committed, in UTC.")
    committer_offset_minutes = _Column[int]("Committer's offset from UTC.")
    subject = _Column[str]("First paragraph of the message, on one line.")
    body = _Column[str]("The rest of the message.")
    encoding = _Column[str | None]("The commit's ``encoding`` header.")
    additions = _Column[int]("Lines added.")
    deletions = _Column[int]("Lines deleted.")
    files = _Column[int]("Files changed.")
    binary_files = _Column[int]("Of these, binary ones.")
    is_merge = _Column[bool]("More than one parent.")

    hash = _Column[str]("The same as ``sha``.", of="sha")
    repo_name = _Column[str]("The same as ``repo``.", of="repo")
    author_timestamp = _Column[int | None]("``author_time`` as seconds since 1970.", of="author_time", read=_seconds)
    author_offset = _Column[int]("The same as ``author_offset_minutes``.", of="author_offset_minutes")
    committer_timestamp = _Column[int | None](
        "``committer_time`` as seconds since 1970.", of="committer_time", read=_seconds
    )
    committer_offset = _Column[int]("The same as ``committer_offset_minutes``.", of="committer_offset_minutes")

    @property
    def message(self) -> str:
        """Subject and body, an empty line between them."""
        return f"{self.subject}\n\n{self.body}" if self.body else self.subject


class Change(Record, table="changes", shown="sha status path additions deletions"):
    """One file of one commit, as ``git log --raw --numstat -M`` shows it."""

    __slots__ = ()

    repo = _Column[str]("Repository, as the caller named it.")
    sha = _Column[str]("The commit's object id.")
    path = _Column[str]("Path after the change.")
    old_path = _Column[str | None]("Path before, for renames and copies.")
    status = _Column[str]("A, M, D, R, C or T.")
    similarity = _Column[int | None]("Percent, for renames and copies.")
    additions = _Column[int | None]("Lines added; None for a binary file.")
    deletions = _Column[int | None]("Lines deleted; None for a binary file.")
    is_binary = _Column[bool]("Git counts no lines in it.")
    old_mode = _Column[str | None]("Mode before, in octal.")
    new_mode = _Column[str | None]("Mode after, in octal.")
    old_oid = _Column[str | None]("Object id before.")
    new_oid = _Column[str | None]("Object id after.")

    hash = _Column[str]("The same as ``sha``.", of="sha")
    commit_id = _Column[str]("The same as ``sha``.", of="sha")
    repo_name = _Column[str]("The same as ``repo``.", of="repo")


class Hunk(Record, table="blame", shown="path start_line lines sha author_name"):
    """Consecutive lines of one file that the same commit wrote, as ``git blame --porcelain`` groups them."""

    __slots__ = ()

    repo = _Column[str]("Repository, as the caller named it.")
    path = _Column[str]("File that was blamed.")
    sha = _Column[str]("Commit that wrote the lines.")
    start_line = _Column[int]("First line in the blamed file, from 1.")
    orig_start_line = _Column[int]("First line in the commit that wrote them, from 1.")
    lines = _Column[int]("Number of lines.")
    orig_path = _Column[str]("Path in the commit that wrote them.")
    author_name = _Column[str]("Author's name after .mailmap.")
    author_email = _Column[str]("Author's email after .mailmap.")
    author_raw_name = _Column[str]("Author's name as committed.")
    author_raw_email = _Column[str]("Author's email as committed.")
    author_time = _Column[datetime | None]("When the commit was written, in UTC.")
    author_offset_minutes = _Column[int]("Author's offset from UTC.")
    summary = _Column[str]("The commit's subject.")
    boundary = _Column[bool]("History ends at this commit.")
    content = _Column[tuple[str, ...] | None]("The lines without their newline, if they were asked for.")

    hash = _Column[str]("The same as ``sha``.", of="sha")
    commit_id = _Column[str]("The same as ``sha``.", of="sha")
    final_line_no = _Column[int]("The same as ``start_line``.", of="start_line")
    orig_line_no = _Column[int]("The same as ``orig_start_line``.", of="orig_start_line")
    author_timestamp = _Column[int | None]("``author_time`` as seconds since 1970.", of="author_time", read=_seconds)
    author_offset = _Column[int]("The same as ``author_offset_minutes``.", of="author_offset_minutes")
    repo_name = _Column[str]("The same as ``repo``.", of="repo")


class Line(Record, table="lines", shown="path line_number sha author_name content"):
    """One blamed line."""

    __slots__ = ()

    repo = _Column[str]("Repository, as the caller named it.")
    path = _Column[str]("File that was blamed.")
    line_number = _Column[int]("Line in the blamed file, from 1.")
    sha = _Column[str]("Commit that wrote the line.")
    orig_line_number = _Column[int]("Line in the commit that wrote it, from 1.")
    orig_path = _Column[str]("Path in the commit that wrote it.")
    author_name = _Column[str]("Author's name after .mailmap.")
    author_email = _Column[str]("Author's email after .mailmap.")
    author_time = _Column[datetime | None]("When the commit was written, in UTC.")
    author_offset_minutes = _Column[int]("Author's offset from UTC.")
    content = _Column[str | None]("The line without its newline, if it was asked for.")

    hash = _Column[str]("The same as ``sha``.", of="sha")
    commit_id = _Column[str]("The same as ``sha``.", of="sha")
    final_line_no = _Column[int]("The same as ``line_number``.", of="line_number")
    orig_line_no = _Column[int]("The same as ``orig_line_number``.", of="orig_line_number")
    line_content = _Column[str | None]("The same as ``content``.", of="content")
    author_timestamp = _Column[int | None]("``author_time`` as seconds since 1970.", of="author_time", read=_seconds)
    author_offset = _Column[int]("The same as ``author_offset_minutes``.", of="author_offset_minutes")
    repo_name = _Column[str]("The same as ``repo``.", of="repo")


def _is_remote(kind: str) -> bool:
    return kind == "remote"


class Branch(Record, table="branches", shown="name kind sha is_head"):
    """A branch, remote branch or tag."""

    __slots__ = ()

    repo = _Column[str]("Repository, as the caller named it.")
    name = _Column[str]("Short name: ``main``, ``origin/main``, ``v1.0``.")
    full_name = _Column[str]("Full name: ``refs/heads/main``.")
    kind = _Column[str]("``branch``, ``remote`` or ``tag``.")
    remote = _Column[str | None]("Remote's name, for remote branches.")
    sha = _Column[str | None]("Commit it points to, tags peeled.")
    is_head = _Column[bool]("HEAD points to it.")
    subject = _Column[str | None]("That commit's subject.")
    author_name = _Column[str | None]("That commit's author after .mailmap.")
    author_email = _Column[str | None]("That commit's author's email after .mailmap.")
    author_raw_name = _Column[str | None]("That commit's author as committed.")
    author_raw_email = _Column[str | None]("That commit's author's email as committed.")
    author_time = _Column[datetime | None]("When that commit was written, in UTC.")
    author_offset_minutes = _Column[int | None]("That author's offset from UTC.")

    hash = _Column[str | None]("The same as ``sha``.", of="sha")
    commit_id = _Column[str | None]("The same as ``sha``.", of="sha")
    commit_message = _Column[str | None]("The same as ``subject``.", of="subject")
    is_remote = _Column[bool]("Whether ``kind`` is ``remote``.", of="kind", read=_is_remote)
    remote_name = _Column[str | None]("The same as ``remote``.", of="remote")
    author_timestamp = _Column[int | None]("``author_time`` as seconds since 1970.", of="author_time", read=_seconds)
    author_offset = _Column[int | None]("The same as ``author_offset_minutes``.", of="author_offset_minutes")
    repo_name = _Column[str]("The same as ``repo``.", of="repo")


class Ownership(Record, table="ownership", shown="path author_name lines total_lines"):
    """How many lines of a file an author wrote that are still there."""

    __slots__ = ()

    repo = _Column[str]("Repository, as the caller named it.")
    path = _Column[str]("File.")
    author_name = _Column[str]("Author's name after .mailmap.")
    author_email = _Column[str]("Author's email after .mailmap.")
    lines = _Column[int]("Lines of that author that are still there.")
    total_lines = _Column[int]("Lines of the file.")

    repo_name = _Column[str]("The same as ``repo``.", of="repo")

    @property
    def share(self) -> float:
        """``lines / total_lines``, from 0 to 1."""
        return self.lines / self.total_lines if self.total_lines else 0.0


class Author(Record, table="authors", shown="name email commits additions deletions"):
    """An identity: everybody with the same name and email after .mailmap."""

    __slots__ = ()

    repo = _Column[str]("Repository, as the caller named it.")
    name = _Column[str]("Name after .mailmap.")
    email = _Column[str]("Email after .mailmap.")
    commits = _Column[int]("Commits written, merges among them.")
    merges = _Column[int]("Of these, merges.")
    additions = _Column[int]("Lines added in them.")
    deletions = _Column[int]("Lines deleted in them.")
    first_time = _Column[datetime | None]("Earliest author time, in UTC.")
    last_time = _Column[datetime | None]("Latest author time, in UTC.")

    author_name = _Column[str]("The same as ``name``.", of="name")
    author_email = _Column[str]("The same as ``email``.", of="email")
    repo_name = _Column[str]("The same as ``repo``.", of="repo")


# What the rows of each table are shown as; the compiled module looks here.
_RECORDS: dict[str, type[Record]] = {
    "commits": Commit,
    "changes": Change,
    "blame": Hunk,
    "lines": Line,
    "branches": Branch,
    "ownership": Ownership,
    "authors": Author,
}
