"""On and off: what off costs, what the environment says, what a fork keeps."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import pytest

import simul
from simul.detection import environment


def test_off_there_is_no_thread_no_hook_and_nothing_loaded(child):
    child(
        """
        before = (sys.unraisablehook, warnings.showwarning, list(warnings.filters), sys.get_asyncgen_hooks())
        import simul
        from simul.testing import jobs
        async def main():
            await jobs.ready(1)
            async with simul.sync.Lock():
                pass
            return len(asyncio.get_running_loop()._scheduled)
        assert asyncio.run(main()) == 0
        assert not [name for name in sys.modules if name.startswith("simul.detection")]
        assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
        assert sys.get_coroutine_origin_tracking_depth() == 0
        assert before == (sys.unraisablehook, warnings.showwarning, list(warnings.filters), sys.get_asyncgen_hooks())
        """
    )


def test_after_it_everything_is_as_before(child):
    child(
        """
        import logging, simul
        logging.getLogger("simul.debug").disabled = True
        before = warnings.showwarning
        with simul.debug(0.01):
            assert warnings.showwarning is not before
            assert sys.get_coroutine_origin_tracking_depth() > 0
        assert warnings.showwarning is before
        assert sys.get_coroutine_origin_tracking_depth() == 0
        assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
        async def main():
            loop = asyncio.get_running_loop()
            watch = simul.debug(0.3)  # this machine may be slow; what it says of that is not judged
            while not loop._scheduled:
                await asyncio.sleep(0)  # until the beat has begun
            watch.stop()
            while loop._scheduled:
                await asyncio.sleep(0)  # until it has ended
            return sys.get_coroutine_origin_tracking_depth()
        assert asyncio.run(main()) == 0
        """
    )


@pytest.mark.parametrize(
    ("setting", "seconds"),
    [
        ("", None),
        ("0", None),
        ("off", None),
        ("No", None),
        ("1", 0.1),
        ("on", 0.1),
        (" TRUE ", 0.1),
        ("0.05", 0.05),
        (".5", 0.5),
        ("1.0", 1.0),
        ("50ms", 0.05),
        ("2s", 2.0),
        ("1.5s", 1.5),
    ],
)
def test_the_environment_is_read_as_documented(setting, seconds):
    assert environment.threshold(setting) == seconds


@pytest.mark.parametrize("setting", ["2", "maybe", "-1", "0.0", "0ms", "1m", "1,5", "nan"])
def test_what_is_not_understood_is_refused(setting):
    with pytest.raises(ValueError, match="SIMUL_DEBUG"):
        environment.threshold(setting)


def program(setting, source):
    return subprocess.run(
        [sys.executable, "-c", source],
        env={**os.environ, "SIMUL_DEBUG": setting},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


BLOCKS = """
import asyncio, logging, threading, simul
class Ear(logging.StreamHandler):
    def emit(self, record):
        super().emit(record)
        spoken.set()
spoken = threading.Event()
logging.getLogger("simul.debug").addHandler(Ear())
async def main():
    spoken.wait(60)
asyncio.run(main())
"""


def test_a_program_is_watched_without_a_change_to_it():
    ran = program("20ms", BLOCKS)
    assert ran.returncode == 0, ran.stderr
    assert "has stood still" in ran.stderr
    assert "in main" in ran.stderr


def test_a_setting_that_is_off_loads_nothing():
    source = "import simul, sys\nassert not [n for n in sys.modules if n.startswith('simul.detection.control')]"
    ran = program("0", source + " or True\nimport threading\nassert threading.active_count() == 1")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_setting_that_is_not_understood_warns_and_turns_it_on():
    ran = program("soon", "import threading, simul\nassert threading.active_count() == 2")
    assert ran.returncode == 0, ran.stderr
    assert "SIMUL_DEBUG='soon' is not understood" in ran.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_is_watched_too(child):
    finished = child(
        """
        import logging, simul
        logging.getLogger("simul.debug").disabled = True
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: a fork beside threads
        spoken = threading.Event()
        watch = simul.debug(0.02, on_report=lambda report: spoken.set())
        async def main():
            assert spoken.wait(60)
        pid = os.fork()
        if pid == 0:
            asyncio.run(main())
            say("child", [report.kind for report in watch.reports])
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert watch.reports == []
        asyncio.run(main())
        say("parent", [report.kind for report in watch.reports])
        """
    )
    assert finished.lines == ["child ['blocked']", "parent ['blocked']"]


def test_stopping_twice_and_two_at_once_are_fine():
    first = simul.debug(1)
    second = simul.debug(1)
    first.stop()
    first.stop()
    shown = warnings.showwarning
    second.stop()
    assert warnings.showwarning is not shown
