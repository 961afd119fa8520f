"""What detection says: one report a finding, with the line that is to blame."""

from __future__ import annotations

import linecache
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["Kind", "Report", "Site"]

Kind: TypeAlias = Literal[
    "blocked", "nested", "starved", "never-awaited", "pending-task", "unread-error", "still-running", "thrown-away"
]


@dataclass(frozen=True, slots=True)
class Site:
    """A line of code.

    Args:
        file: Path of the source file.
        line: Its number, from 1.
        function: Name of the function that it is in; may be empty.
    """

    file: str
    line: int
    function: str = ""

    @property
    def text(self) -> str:
        """The source of the line; empty where it cannot be read."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}"
        if self.function:
            place += f" in {self.function}"
        return f"{place}: {self.text}" if self.text else place


@dataclass(slots=True, eq=False)
class Report:
    """One finding.

    Args:
        kind: ``blocked``: a step holds up its loop. ``nested``: a sync call inside of a running loop runs another loop
            and holds up the outer one. ``starved``: no Python thread could run, so nobody in particular is to blame.
            ``never-awaited``: a coroutine, operation or Job that nobody waited for. ``pending-task``: a task of an open
            loop, not done. ``unread-error``: a Job failed and nobody asked. ``still-running``: work that runs though
            nobody can wait for it any more. ``thrown-away``: a client that served one request.
        what: One line about it.
        site: The line to blame: where the loop is held up, or what made the forgotten thing.
        stack: Of the thread whose loop is held up, innermost line first; or of what made the thing, likewise.
        seconds: How long the loop has been held up, so far while ``ended`` is False.
        ended: Whether the loop turns again.
        task: Name of the task that holds it up.
        thread: Name of the loop's thread.
        waits_for: What the tasks of the inner loop wait for, in a nested call; which functions of ``to_thread``
            wait for the loop that is held up.
    """

    kind: Kind
    what: str
    site: Site | None = None
    stack: tuple[Site, ...] = ()
    seconds: float | None = None
    ended: bool = True
    task: str | None = None
    thread: str | None = None
    waits_for: tuple[str, ...] = field(default=())

    @property
    def message(self) -> str:
        """Everything, in several lines."""
        lines = [self.what]
        if self.site is not None:
            lines.append(f"  {self.site}")
        if self.waits_for:
            lines.append("Waiting meanwhile:")
            lines += [f"  {waiting}" for waiting in self.waits_for]
        if len(self.stack) > 1:
            lines.append("Stack, innermost first:")
            lines += [f"  {site}" for site in self.stack]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.message
