"""Using a Job as if it were its value says what was forgotten."""

from __future__ import annotations

import pytest

from simul.testing import jobs

MISTAKES = {
    "len": len,
    "for": list,
    "item": lambda job: job["key"],
    "slice": lambda job: job[:5],
    "attribute": lambda job: job.status_code,
    "method": lambda job: job.json(),
    "unpack": lambda job: print(*job),
}


@pytest.fixture
def job():
    job = jobs.ready("value")
    yield job
    job.wait()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_forgotten_await_is_a_type_error_and_an_attribute_error(job, mistake):
    for kind in (TypeError, AttributeError):
        with pytest.raises(kind) as raised:
            MISTAKES[mistake](job)
        assert "await" in str(raised.value)
        assert ".wait()" in str(raised.value)
        assert "Job" in str(raised.value)


def test_membership_says_it_too(job):
    with pytest.raises(TypeError):
        assert 1 in job


@pytest.mark.parametrize("name", ["status_code", "json", "__len_hint__", "_private", "__array__", "__arrow_c_stream__"])
def test_hasattr_stays_false(job, name):
    assert not hasattr(job, name)
    assert getattr(job, name, "default") == "default"


@pytest.mark.parametrize("name", ["_private", "__wrapped__", "__array_interface__"])
def test_private_names_give_a_plain_attribute_error(job, name):
    with pytest.raises(AttributeError) as raised:
        getattr(job, name)
    assert not isinstance(raised.value, TypeError)


def test_bool_stays_true(job):
    assert bool(job) is True
    assert job or False


def test_repr_and_str_work(job):
    assert "Job" in repr(job)
    assert str(job) == repr(job)
    assert f"{job}" == repr(job)


def test_dir_lists_the_members(job):
    members = {
        "wait", "done", "result", "exception", "cancel", "cancelled", "add_done_callback", "detach", "close",
        "send", "throw", "cr_running",
    }  # fmt: skip
    assert members <= set(dir(job))


def test_attributes_cannot_be_set(job):
    with pytest.raises((AttributeError, TypeError)):
        job.answer = 42
    with pytest.raises((AttributeError, TypeError)):
        job["key"] = 42


def test_the_error_can_be_caught_as_simuls(job):
    import simul

    with pytest.raises(simul.SimulError):
        len(job)


def test_with_blocks_are_refused(job):
    with pytest.raises((TypeError, AttributeError)), job:
        pass
