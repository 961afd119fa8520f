"""The pytest plugin, in a pytest of its own: the very test that did it fails, beside the plugins of others."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

# What blocks here, blocks until the watchdog has spoken.
SHARED = """\
import asyncio, gc, logging, threading
import pytest

class Ear(logging.Handler):
    def emit(self, record):
        # Not of a loop that was starved: nobody is blamed for that, and it may be told before this test begins.
        if "has stood still" in record.getMessage():
            spoken.set()

spoken = threading.Event()
logging.getLogger("simul.debug").addHandler(Ear())

def block():
    spoken.clear()
    assert spoken.wait(60)

async def never():
    pass
"""

TESTS = """\
from shared import *

{mark}
async def test_blocks():
    await asyncio.sleep(0)
    block()  # the culprit

{mark}
async def test_is_well():
    await asyncio.sleep(0)

{mark}
async def test_forgets_a_coroutine():
    never()  # the culprit

{mark}
async def test_forgets_a_job():
    from simul.testing import jobs
    jobs.sleep(60)  # the culprit

{mark}
async def test_reads_no_error():
    from simul.testing import jobs
    job = jobs.fail("Invalid", "in vain")  # the culprit
    while not job.done():
        await asyncio.sleep(0.001)

{mark}
async def test_leaves_a_task():
    async def lasting():
        await asyncio.Event().wait()
    global task
    task = asyncio.create_task(lasting())  # the culprit
    await asyncio.sleep(0)

@pytest.mark.simul_allow_blocking
{mark}
async def test_is_allowed_to_block():
    block()

{mark}
async def test_is_well_afterwards():
    await asyncio.sleep(0)
"""

GUILTY = {
    "test_blocks": "stood still",
    "test_forgets_a_coroutine": "never awaited",
    "test_forgets_a_job": "never awaited",
    "test_reads_no_error": "in vain",
    "test_leaves_a_task": "still pending",
}

HOSTS = {
    "pytest-asyncio, strict": ("@pytest.mark.asyncio", "", ["-o", "asyncio_mode=strict"]),
    "pytest-asyncio, auto": ("", "", ["-o", "asyncio_mode=auto"]),
    "anyio on asyncio": (
        "@pytest.mark.anyio",
        "@pytest.fixture\ndef anyio_backend():\n    return 'asyncio', {'use_uvloop': False}\n",
        ["-p", "no:asyncio"],
    ),
    "anyio on uvloop": (
        "@pytest.mark.anyio",
        "@pytest.fixture\ndef anyio_backend():\n    return 'asyncio', {'use_uvloop': True}\n",
        ["-p", "no:asyncio"],
    ),
}


@pytest.fixture
def pytest_run(tmp_path):
    """Runs pytest on these tests, in a folder of its own; gives its outcomes by test, and what it printed."""

    def run(source, *options, ini="", plugin=True):
        (tmp_path / "shared.py").write_text(SHARED)
        (tmp_path / "test_it.py").write_text(source)
        (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = --strict-markers --strict-config\n{ini}\n")
        words = ["-p", "simul.testing.plugin"] if plugin else []
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "SIMUL"))}
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "-v", *words, *options],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        outcomes = {}
        for word, name in re.findall(
            r"^(PASSED|FAILED|ERROR|SKIPPED|XFAIL) test_it\.py::(\w+)", ran.stdout, re.MULTILINE
        ):
            outcomes.setdefault(name, word)
        return outcomes, ran.stdout + ran.stderr

    return run


def culprits(source):
    """The number of the line to blame in each guilty test."""
    found, name = {}, ""
    for number, line in enumerate(source.splitlines(), 1):
        if started := re.match(r"(?:async )?def (test_\w+)", line):
            name = started[1]
        if "# the culprit" in line:
            found[name] = number
    return found


@pytest.mark.parametrize("host", HOSTS)
def test_the_very_test_that_did_it_fails_and_its_line_is_named(pytest_run, host):
    mark, fixture, options = HOSTS[host]
    if "uvloop" in host:
        pytest.importorskip("uvloop", reason="uvloop has no build for this interpreter")
    source = TESTS.format(mark=mark) + fixture
    # Long enough that a busy machine does not hold up a test that is well.
    outcomes, printed = pytest_run(source, "--simul-debug=0.2", *options)
    assert len(outcomes) == 8, printed
    guilty = dict(GUILTY)
    if "anyio" in host:
        # Its runner ends with the test, and has cancelled the task by then.
        del guilty["test_leaves_a_task"]
    assert {name for name, word in outcomes.items() if word == "FAILED"} == set(guilty), printed
    assert {word for name, word in outcomes.items() if name not in guilty} == {"PASSED"}, printed
    lines = culprits(source)
    for name, words in guilty.items():
        told = re.search(rf"^_+ {name}(?:\[.*\])? _+$(.*?)^(?:_|=)+ ", printed, re.MULTILINE | re.DOTALL)
        assert told, printed
        assert words in told[1], told[1]
        if name == "test_blocks":
            assert "shared.py" in told[1]
            assert f"test_it.py:{lines[name]} in test_blocks" in told[1], told[1]
        else:
            assert f"test_it.py:{lines[name]}" in told[1], told[1]


def test_a_plain_test_that_runs_a_loop_is_judged_too(pytest_run):
    source = (
        "from shared import *\ndef test_blocks():\n    async def main():\n        block()\n    asyncio.run(main())\n"
    )
    outcomes, printed = pytest_run(source, "-p", "no:asyncio", ini="simul_debug = 50ms")
    assert outcomes == {"test_blocks": "FAILED"}, printed
    assert "simul found, in this test" in printed


def test_a_fixture_that_blocks_fails_its_own_phase(pytest_run):
    source = """\
from shared import *
@pytest.fixture
def served():
    async def main():
        block()
    asyncio.run(main())
def test_uses_it(served):
    pass
@pytest.fixture
def torn_down():
    yield
    async def main():
        block()
    asyncio.run(main())
def test_leaves_it(torn_down):
    pass
"""
    outcomes, printed = pytest_run(source, "--simul-debug", "-p", "no:asyncio")
    assert "ERROR at setup of test_uses_it" in printed
    assert "ERROR at teardown of test_leaves_it" in printed
    assert outcomes["test_uses_it"] == "ERROR"


def test_a_mark_switches_it_on_for_one_test(pytest_run):
    source = """\
from shared import *
import sys
def test_first():
    assert "simul.detection" not in sys.modules
@pytest.mark.simul_debug(threshold=0.05)
def test_judged():
    never()
"""
    outcomes, printed = pytest_run(source, "-p", "no:asyncio", ini="filterwarnings = error")
    assert outcomes == {"test_first": "PASSED", "test_judged": "FAILED"}, printed


def test_a_test_that_fails_by_itself_keeps_its_own_error(pytest_run):
    source = """\
from shared import *
def test_fails():
    async def main():
        block()
        raise LookupError("my own")
    asyncio.run(main())
"""
    outcomes, printed = pytest_run(source, "--simul-debug=0.05", "-p", "no:asyncio")
    assert outcomes == {"test_fails": "FAILED"}, printed
    assert "LookupError: my own" in printed, printed
    told = re.search(r"^-+ Captured simul call -+$(.*?)^(?:-|=)+ ", printed, re.MULTILINE | re.DOTALL)
    assert told and "has stood still" in told[1], printed


def test_switched_off_it_loads_nothing_and_judges_nothing(pytest_run):
    source = """\
from shared import *
import sys, threading
def test_is_left_alone():
    assert not [name for name in sys.modules if name.startswith("simul.detection")]
    assert not [thread for thread in threading.enumerate() if "simul" in thread.name]
    never()
@pytest.mark.simul_allow_blocking
def test_may_carry_the_mark():
    pass
"""
    outcomes, printed = pytest_run(source, "-p", "no:asyncio", "-W", "ignore")
    assert set(outcomes.values()) == {"PASSED"}, printed


def test_a_setting_that_says_nothing_known_is_refused(pytest_run):
    outcomes, printed = pytest_run("def test_it():\n    pass\n", "--simul-debug=soon", "-p", "no:asyncio")
    assert outcomes == {} or set(outcomes.values()) == {"ERROR"}, printed
    assert "simul_debug='soon' is not understood" in printed


def test_an_installed_simul_registers_it_by_itself(pytest_run, tmp_path):
    """A distribution's entry points, read from our own pyproject.toml."""
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["pytest11"]
    folder = tmp_path / "simul-0.0.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: simul\nVersion: 0.0.0\n")
    (folder / "entry_points.txt").write_text(
        "[pytest11]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
    )
    (folder / "RECORD").write_text("")
    source = "from shared import *\ndef test_forgets():\n    never()\n"
    outcomes, printed = pytest_run(source, "--simul-debug", "-p", "no:asyncio", plugin=False)
    assert outcomes == {"test_forgets": "FAILED"}, printed


RESET = """\
from shared import *
import simul
from simul.testing import jobs, statistics

{before}
def test_uses_the_engine({fixture}):
    assert jobs.ready(1).wait() == 1
    assert statistics()["engine_threads"] > 0

def test_finds_it_asleep():
    assert statistics()["engine_threads"] == 0
    assert jobs.ready(2).wait() == 2
"""


@pytest.mark.parametrize("by", ["fixture", "setting"])
def test_simul_is_reset_after_a_test(pytest_run, by):
    source = RESET.format(before="", fixture="simul_reset" if by == "fixture" else "")
    outcomes, printed = pytest_run(source, "-p", "no:asyncio", ini="simul_reset = true" if by == "setting" else "")
    assert set(outcomes.values()) == {"PASSED"}, printed
    assert len(outcomes) == 2
