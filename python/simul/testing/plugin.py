"""The pytest plugin: blocked loops and forgotten work fail the very test that did it.

It is registered by itself where simul is installed (or by ``-p simul.testing.plugin``), and does nothing until it is
switched on: ``--simul-debug``, ``simul_debug = true`` in pytest's configuration, or ``@pytest.mark.simul_debug``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from simul.detection.gathering import Gathering

__all__ = ["simul_reset"]

_ON: pytest.StashKey[Gathering] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option and the settings."""
    group = parser.getgroup("simul")
    group.addoption(
        "--simul-debug",
        nargs="?",
        const="1",
        default=None,
        metavar="SECONDS",
        help="fail tests that block an event loop for so long (0.1 by default) or forget work; written as SIMUL_DEBUG",
    )
    parser.addini(
        "simul_debug", "what --simul-debug says, for every run: true, or a threshold such as 0.05", default=""
    )
    parser.addini("simul_reset", "reset simul after each test, as the fixture simul_reset does", type="bool")


def pytest_configure(config: pytest.Config) -> None:
    """The markers, which exist also where the plugin is not switched on."""
    config.addinivalue_line(
        "markers", "simul_debug(threshold=0.1): fail this test if it blocks an event loop or forgets work"
    )
    config.addinivalue_line("markers", "simul_allow_blocking: this test may block its event loop")
    if config.getini("simul_reset"):
        config.pluginmanager.register(_Always(), "simul-reset-always")


def _threshold(item: pytest.Item) -> float | None:
    """Seconds for which this test may hold a loop up; None where the plugin is not switched on."""
    mark = item.get_closest_marker("simul_debug")
    if mark is not None and (mark.args or "threshold" in mark.kwargs):
        return float(mark.args[0] if mark.args else mark.kwargs["threshold"])
    given = item.config.getoption("--simul-debug")
    setting = str(given if given is not None else item.config.getini("simul_debug"))
    if mark is None and not setting:
        return None
    from simul.detection.environment import threshold  # noqa: PLC0415  (nothing is loaded until it is switched on)

    try:
        return threshold(setting or "1") if mark is None else threshold("1")
    except ValueError as error:
        raise pytest.UsageError(str(error).replace("SIMUL_DEBUG", "simul_debug")) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Detection is on from before the first fixture until after the last."""
    threshold = _threshold(item)
    if threshold is None:
        return (yield)
    from simul.detection.gathering import Gathering  # noqa: PLC0415  (as above)

    may_block = item.get_closest_marker("simul_allow_blocking") is not None
    with Gathering(threshold, may_block=may_block) as gathering:
        item.stash[_ON] = gathering
        try:
            return (yield)
        finally:
            del item.stash[_ON]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Fail the set-up for what its fixtures did."""
    return (yield from _judge(item, "setup"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail the test for what it did."""
    return (yield from _judge(item, "call"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Fail the tear-down for what it did."""
    return (yield from _judge(item, "teardown"))


def _judge(item: pytest.Item, when: str) -> Generator[None, object, object]:
    gathering = item.stash.get(_ON, None)
    if gathering is None:
        return (yield)
    try:
        with gathering.phase(when):
            result = yield
    except BaseException:
        # It has failed already: what was found by the end of the phase is told beside it.
        for report in gathering.found(when):
            item.add_report_section(when, "simul", str(report))
        raise
    reports = gathering.found(when)
    if reports:
        pytest.fail("\n\n".join(["simul found, in this test:", *map(str, reports)]), pytrace=False)
    return result


@pytest.fixture
def simul_reset() -> Iterator[None]:
    """Simul as it was before its first use, after the test: its loops, its engine."""
    yield
    from simul.testing.reset import reset  # noqa: PLC0415  (as above)

    reset()


class _Always:
    """Registered where the settings ask for a reset after each test."""

    @pytest.fixture(autouse=True)
    def simul_reset_always(self, simul_reset: None) -> None:
        """Reset simul after this test."""
