"""An error arrives as it was raised, whatever it is and whichever way it comes, and the way works afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import gc
import inspect
import pathlib
import pickle
import sys
import traceback
import weakref

import pytest

import simul
import simul.testing

LIBRARY = str(pathlib.Path(simul.__file__).parent)
MOST_LIBRARY_FRAMES = 3


class NeedsArgumentsError(Exception):
    def __init__(self, first, *, second):
        super().__init__(f"{first} and {second}")
        self.first, self.second = first, second


class Local:
    """Something in the failing frame that must not stay alive."""


def make_errors():
    return {
        "ValueError": ValueError("plain"),
        "StopAsyncIteration": StopAsyncIteration("value"),
        "SystemExit": SystemExit(7),
        "KeyboardInterrupt": KeyboardInterrupt("raised by hand"),
        "CancelledError": asyncio.CancelledError("raised by hand"),
        "GeneratorExit": GeneratorExit("raised by hand"),
        "ExceptionGroup": ExceptionGroup("two", [ValueError(1), TypeError(2)]),
        "BaseExceptionGroup": BaseExceptionGroup("two", [ValueError(1), KeyboardInterrupt()]),
        "NeedsArgumentsError": NeedsArgumentsError(1, second=2),
        "TimeoutError": TimeoutError("mine"),
    }


async def users_inner(error, suspend):
    if suspend:
        await asyncio.sleep(0)
    raise error


async def users_outer(error, suspend):
    await users_inner(error, suspend)


async def fails(suspend, remember):
    """Fails with a new error: a frame that held the error would be a cycle of the test's own."""
    local = Local()
    remember.append(weakref.ref(local))
    if suspend:
        await asyncio.sleep(0)
    raise NeedsArgumentsError(1, second=2)


def paths(function):
    """The ways by which plain code calls a coroutine function."""
    smart, handled = simul.smartasync(function), simul.async_handler(function)

    def through_thread(*args):
        async def main():
            return await simul.to_thread(lambda: smart(*args))

        return simul.run(main())

    def through_portal(*args):
        with simul.Portal() as portal:
            return portal.call(function, *args)

    def through_from_thread(*args):
        async def main():
            return await simul.to_thread(simul.from_thread.run, function, *args)

        return simul.run(main())

    def nested(*args):
        async def main():
            return handled(*args)

        return simul.run(main())

    return {
        "smartasync": smart,
        "sync": smart.sync,
        "async_handler": handled,
        "run": lambda *args: simul.run(function(*args)),
        "nested": nested,
        "thread": through_thread,
        "from_thread": through_from_thread,
        "portal": through_portal,
    }


PATHS = paths(users_outer)


async def fine():
    await asyncio.sleep(0)
    return "fine"


@pytest.mark.parametrize("suspend", [False, True])
@pytest.mark.parametrize("name", make_errors())
@pytest.mark.parametrize("path", PATHS)
def test_the_same_object_with_the_users_frames(path, name, suspend):
    error = make_errors()[name]
    caught = None
    try:
        PATHS[path](error, suspend)
    except BaseException as arrived:
        caught = arrived
    if (path, name) == ("portal", "CancelledError"):
        # A future between threads knows that it was cancelled, not by which object.
        assert isinstance(caught, asyncio.CancelledError)
        return
    assert caught is error
    frames = traceback.extract_tb(caught.__traceback__)
    names = [frame.name for frame in frames]
    assert names[-2:] == ["users_outer", "users_inner"]
    # The ways that are made of two crossings may show each of them.
    crossings = 1 if path in ("smartasync", "sync", "async_handler", "run", "portal") else 3
    ours = [frame for frame in frames if frame.filename.startswith(LIBRARY)]
    assert len(ours) <= MOST_LIBRARY_FRAMES * crossings, names
    assert simul.run(fine()) == "fine"
    assert simul.smartasync(fine)() == "fine"
    assert through_thread_fine() == "fine"


def through_thread_fine():
    async def main():
        return await simul.to_thread(simul.from_thread.run, fine)

    return simul.run(main())


@pytest.mark.parametrize("suspend", [False, True])
@pytest.mark.parametrize("path", PATHS)
def test_the_failing_frame_is_free_without_the_collector(path, suspend):
    remember = []
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(NeedsArgumentsError):
            paths(fails)[path](suspend, remember)
        assert remember[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("path", ["smartasync", "async_handler", "nested", "thread"])
def test_stopiteration_becomes_what_python_makes_of_it(path):
    """A coroutine cannot raise it: Python itself turns it into RuntimeError, on every path."""
    error = StopIteration("value")
    with pytest.raises(RuntimeError) as caught:
        PATHS[path](error, True)
    assert caught.value.__cause__ is error
    assert simul.run(fine()) == "fine"


def test_stopiteration_of_a_function_in_a_worker_arrives(run):
    def worker():
        raise StopIteration("value")

    async def main():
        with pytest.raises((StopIteration, RuntimeError)) as caught:
            await simul.to_thread(worker)
        chain = caught.value if isinstance(caught.value, StopIteration) else caught.value.__cause__
        assert isinstance(chain, StopIteration)
        return await simul.to_thread(lambda: "fine")

    assert run(main) == "fine"


def test_a_panic_of_the_engine_arrives_as_an_internal_error(run):
    async def panics():
        await simul.testing.jobs.panic("on purpose")

    for call in (lambda: simul.run(panics()), simul.async_handler(panics), simul.smartasync(panics)):
        with pytest.raises(simul.InternalError):
            call()

    async def main():
        with pytest.raises(simul.InternalError):
            simul.run(panics())
        return await simul.to_thread(simul.async_handler(fine))

    assert run(main) == "fine"
    assert simul.run(fine()) == "fine"


def test_the_context_of_an_error_is_kept():
    async def chained():
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error

    async def implied():
        try:
            raise KeyError("first")
        finally:
            await asyncio.sleep(0)
            raise ValueError("second")

    with pytest.raises(ValueError, match="second") as caught:
        simul.run(chained())
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(ValueError, match="second") as caught:
        simul.run(implied())
    assert isinstance(caught.value.__context__, KeyError)
    outside = LookupError("outside")
    with contextlib.suppress(LookupError):
        try:
            raise outside
        finally:
            with pytest.raises(ValueError, match="second") as caught:
                simul.run(chained())
            assert caught.value.__cause__.__context__ is outside
            assert sys.exc_info()[1] is outside


@simul.smartasync
async def documented(first: int, *rest: str, keyword: bool = False) -> str:
    """What it is for."""
    return f"{first} {rest} {keyword}"


async def written(first: int) -> int:
    """What that is for."""
    return first


also_documented = simul.async_handler(written)


@pytest.mark.parametrize("wrapper", [documented, also_documented])
def test_name_document_and_signature_are_the_functions(wrapper):
    function = getattr(wrapper, "__wrapped__", written)
    assert wrapper.__name__ == function.__name__
    assert wrapper.__qualname__ == function.__qualname__
    assert wrapper.__module__ == __name__
    assert wrapper.__doc__.startswith("What")
    assert inspect.signature(wrapper) == inspect.signature(function)
    assert inspect.get_annotations(wrapper) == inspect.get_annotations(function)
    assert weakref.ref(wrapper)() is wrapper
    assert wrapper.__name__ in repr(wrapper)
    assert hash(wrapper) == hash(wrapper)


def test_a_wrapper_of_a_module_is_pickled_and_copied_by_its_name():
    assert pickle.loads(pickle.dumps(documented)) is documented  # noqa: S301 - our own bytes
    assert copy.copy(documented) is copy.deepcopy(documented) is documented


def test_it_is_a_coroutine_function_to_the_world_where_it_gives_coroutines():
    assert inspect.iscoroutinefunction(documented.aio)
    assert not inspect.iscoroutinefunction(documented.sync)
    assert not inspect.iscoroutinefunction(also_documented)
    # What may give a value is none: a framework would await the value.
    assert not inspect.iscoroutinefunction(documented)


def test_a_partial_of_it_and_it_of_a_partial(run):
    once = functools.partial(documented, 1, keyword=True)
    again = simul.smartasync(functools.partial(documented.__wrapped__, 1, keyword=True))

    async def main():
        return await once("a"), await again("a")

    assert once("a") == again("a") == "1 ('a',) True"
    assert run(main) == ("1 ('a',) True",) * 2
