"""What may be thrown into a call, in any form: as into a coroutine of Python's own."""

from __future__ import annotations

import asyncio
import traceback
import types
import warnings

import pytest

import simul
from simul.testing import jobs


class NeedsMoreError(Exception):
    def __init__(self, value):
        super().__init__(value)


class OddError(Exception):
    def __new__(cls, *_args):
        return 42


def made_here():
    try:
        raise LookupError("for its traceback")
    except LookupError as error:
        return error.__traceback__


def raised_before():
    try:
        raise ValueError("raised before")
    except ValueError as error:
        return error


FORMS = {
    "a class": lambda: (ValueError,),
    "an instance": lambda: (ValueError("x"),),
    "an instance that was raised before": lambda: (raised_before(),),
    "a class and None": lambda: (ValueError, None),
    "a class and a value": lambda: (ValueError, "x"),
    "a class and a tuple": lambda: (ValueError, ("a", "b")),
    "a class and its instance": lambda: (ValueError, ValueError("x")),
    "a class and its instance that was raised before": lambda: (ValueError, raised_before()),
    "a class and an instance of a subclass": lambda: (LookupError, KeyError("x")),
    "a class and another exception": lambda: (ValueError, KeyError("x")),
    "a class that needs more": lambda: (NeedsMoreError,),
    "a class that needs more and has it": lambda: (NeedsMoreError, "x"),
    "a class that makes something else": lambda: (OddError,),
    "a class, nothing, a traceback": lambda: (ValueError, None, made_here()),
    "an instance, nothing, a traceback": lambda: (ValueError("x"), None, made_here()),
    "an instance that was raised before, nothing, nothing": lambda: (raised_before(), None, None),
    "a cancel with its message": lambda: (asyncio.CancelledError, "why"),
}
REFUSED = {
    "an instance and a value": lambda: (ValueError("x"), "value"),
    "something that is no traceback": lambda: (ValueError, "x", "no traceback"),
    "a number": lambda: (42,),
    "a class of something else": lambda: (int,),
}


GIVEN = FORMS | REFUSED


@types.coroutine
def real():
    yield


def suspended(call):
    call.send(None)
    return call


def of_condition():
    condition = simul.Condition()
    assert condition.acquire_nowait()
    return condition.wait()


def of_lock():
    lock = simul.Lock()
    assert lock.acquire_nowait()
    return lock.acquire()


def come_of(call, given):
    """What a throw comes to: the exception, what it kept, and what comes of another."""
    with warnings.catch_warnings():
        # From Python 3.12 on, a coroutine says that three arguments are deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        with pytest.raises(BaseException) as caught:
            call.throw(*given)
    error = caught.value
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    with pytest.raises(BaseException) as again:
        call.throw(OverflowError("after it"))
    return {
        "class": type(error),
        "says": str(error),
        "is what was given": [error is part for part in given],
        "frames": [name in frames for name in ("made_here", "raised_before")],
        "after it": again.value,
    }


@pytest.mark.parametrize("form", GIVEN)
@pytest.mark.parametrize("make", [of_lock, of_condition])
def test_what_is_thrown_into_a_call_that_waits_is_what_a_coroutine_gets(make, form, run):
    async def compare():
        expected = come_of(suspended(real()), GIVEN[form]())
        found = come_of(suspended(make()), GIVEN[form]())
        refused = found.pop("after it")
        del expected["after it"]
        assert found == expected
        if form in REFUSED and make is of_lock:
            assert isinstance(refused, OverflowError), "nothing was thrown, so it waits on"
        else:
            assert isinstance(refused, RuntimeError)
            assert "cannot reuse already awaited" in str(refused)

    run(compare)


async def never_begun():
    raise AssertionError


@pytest.mark.parametrize("form", GIVEN)
@pytest.mark.parametrize("make", [of_lock, of_condition])
def test_what_is_thrown_into_a_call_that_has_not_begun_ends_it_as_it_ends_a_coroutine(make, form):
    expected = come_of(never_begun(), GIVEN[form]())
    call = make()
    found = come_of(call, GIVEN[form]())
    assert type(found.pop("after it")) is type(expected.pop("after it"))
    assert found == expected
    call.close()


@pytest.mark.parametrize("form", FORMS)
def test_what_is_thrown_into_an_await_is_what_a_future_of_asyncio_gets(form, run):
    async def compare():
        expected = come_of(suspended(asyncio.Future().__await__()), FORMS[form]())
        job = jobs.sleep(60)
        found = come_of(job.send(None), FORMS[form]())
        assert type(found.pop("after it")) is type(expected.pop("after it"))
        assert found == expected
        job.cancel()

    run(compare)


def test_a_call_that_asks_the_users_code_cannot_be_ended_by_it():
    calls, said = [], []

    class Item:
        def __lt__(self, other):
            for call in calls:
                for end in (call.close, lambda call=call: call.throw(ValueError)):
                    with pytest.raises(ValueError, match="already executing"):
                        end()
                    said.append(end)
            return False

    queue = simul.PriorityQueue()
    for _ in range(3):
        queue.put_nowait(Item())
    calls.append(queue.get())
    assert isinstance(calls[0].wait(), Item)
    assert said
