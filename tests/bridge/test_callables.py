"""What a class, a decorator or a tool of the standard library does to functions, it does to ours too."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import pydoc
import weakref
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

import simul


class Described:
    """One of each descriptor that is no callable itself."""

    def __init__(self):
        self.made = 0

    async def pair(self, one, two):
        await asyncio.sleep(0)
        return one, two

    first = simul.smartasync(functools.partialmethod(pair, 1))

    async def kind(self, _):
        return "something"

    kind = functools.singledispatchmethod(kind)

    @kind.register
    async def _(self, _: int):
        await asyncio.sleep(0)
        return "a number"

    kind = simul.smartasync(kind)

    @simul.smartasync
    @functools.cached_property
    async def kept(self):
        """Made once."""
        await asyncio.sleep(0)
        self.made += 1
        return self.made

    @simul.smartasync
    @functools.lru_cache  # noqa: B019  (a short life)
    def cached(self, number):
        return number * 2

    @simul.smartasync
    async def method(self, number: int) -> int:
        """What the method does."""
        await asyncio.sleep(0)
        return number

    @simul.async_handler
    @classmethod
    async def of_class(cls):
        return cls

    @simul.async_handler
    @staticmethod
    async def static(number):
        return number

    @simul.async_handler
    @property
    async def attribute(self):
        return "attribute"

    @simul.smartasync
    @contextlib.asynccontextmanager
    async def managed(self, seen):
        seen.append("in")
        try:
            yield
        finally:
            seen.append("out")


@pytest.mark.parametrize("name", ["first", "kind"])
def test_a_descriptor_that_is_no_callable_gives_functions_for_both(run, name):
    argument, value = {"first": (2, (1, 2)), "kind": (3, "a number")}[name]
    one = Described()
    assert getattr(one, name)(argument) == getattr(one, name).sync(argument) == value

    async def main():
        coroutine = getattr(one, name)(argument)
        assert asyncio.iscoroutine(coroutine)
        assert getattr(one, name).sync(argument) == value
        return await coroutine, await getattr(one, name).aio(argument)

    assert run(main) == (value, value)
    assert Described().kind("text") == "something"


def test_a_cached_property_is_made_once_for_both(run):
    one, other = Described(), Described()
    assert (one.kept, one.kept, one.made) == (1, 1, 1)

    async def main(cached):
        return [await cached.kept, await cached.kept]

    assert run(main, one) == run(main, other) == [1, 1]
    assert other.kept == 1
    del one.kept
    assert one.kept == 2
    one.kept = 7
    assert one.kept == 7
    assert Described.kept.__doc__ == "Made once."


def test_what_a_wrapped_cache_offers_is_there():
    one = Described()
    assert one.cached(4) == one.cached(4) == 8
    assert one.cached.cache_info().hits == 1
    Described.cached.cache_clear()
    assert one.cached.cache_info().hits == 0
    assert not hasattr(one.method, "cache_info")


def test_async_handler_takes_class_and_static_methods_and_properties_from_outside():
    assert Described.of_class() is Described().of_class() is Described
    assert Described.static(1) == Described().static(1) == 1
    assert Described().attribute == "attribute"


def test_async_handler_calls_what_looks_for_the_running_loop_inside_of_it():
    async def number(value):
        await asyncio.sleep(0)
        return value

    assert simul.async_handler(asyncio.gather)(number(1), number(2)) == [1, 2]
    with pytest.raises(simul.InvalidError, match="needs no async_handler"):
        simul.async_handler(len)([])


@pytest.mark.parametrize("wrong", [3, None, "text", []])
def test_what_cannot_be_called_is_refused_at_once(wrong):
    with pytest.raises(simul.InvalidError):
        simul.smartasync(wrong)


def test_a_bound_method_has_the_help_of_the_method():
    method = Described().method
    assert inspect.getdoc(method) == method.__doc__ == "What the method does."
    told = pydoc.render_doc(method, renderer=pydoc.plaintext)
    assert "method(number" in told
    assert "What the method does." in told


def test_a_weak_method_finds_the_method_and_lets_the_object_go():
    # What signals (blinker's, Django's) hold their receivers by.
    one = Described()
    weak = weakref.WeakMethod(one.method)
    assert weak() == one.method
    assert weak()(5) == 5
    del one
    gc.collect()
    assert weak() is None


class Countdown:
    """An async iterator that is no generator."""

    ended = ()

    def __init__(self, start):
        self.left = start

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.sleep(0)
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return self.left

    async def aclose(self):
        Countdown.ended += (self.left,)


def test_any_async_iterator_is_an_iterator_for_plain_code(run):
    Countdown.ended = ()
    assert list(simul.smartasync(Countdown)(3)) == [2, 1, 0]
    for number in simul.smartasync(lambda: Countdown(5))():
        if number == 3:
            break
    assert Countdown.ended == (0, 3)

    async def main():
        return [number async for number in simul.smartasync(Countdown)(2)]

    assert run(main) == [1, 0]


def test_a_context_manager_decorates_plain_functions_too():
    seen = []

    @Described().managed(seen)
    def work():
        seen.append("work")

    work()
    work()
    assert seen == ["in", "work", "out"] * 2


def test_what_was_never_awaited_is_warned_about_by_its_own_name(run):
    @simul.smartasync
    def forgotten():
        pass

    async def main():
        with pytest.warns(RuntimeWarning, match="forgotten' was never awaited"):
            forgotten()  # it goes at once

    run(main)


@simul.smartasync
async def tripled(number):
    await asyncio.sleep(0)
    return number * 3


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_wrappers_and_their_methods_go_to_other_processes(start):
    with ProcessPoolExecutor(1, mp_context=get_context(start)) as pool:
        assert pool.submit(tripled, 2).result() == 6
        assert pool.submit(Described.cached, Described(), 2).result() == 4
        assert pool.submit(Described().method, 4).result() == 4
