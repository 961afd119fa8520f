"""One function for both kinds of callers, whatever kind of callable it is."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import pickle
import sys
from unittest import mock

import pytest

import simul
from simul.testing import jobs


@simul.smartasync
async def double(number: int) -> int:
    """Twice the number."""
    await asyncio.sleep(0)
    return number * 2


class Slots:
    __slots__ = ()

    @simul.smartasync
    async def method(self, number):
        await asyncio.sleep(0)
        return number

    @simul.smartasync
    def plain(self, number):
        return number

    @simul.smartasync
    @classmethod
    async def of_class(cls, number):
        return cls, number

    @classmethod
    @simul.smartasync
    async def of_class_too(cls, number):
        return cls, number

    @simul.smartasync
    @staticmethod
    async def static(number):
        return number

    @staticmethod
    @simul.smartasync
    async def static_too(number):
        return number

    @simul.smartasync
    @property
    async def attribute(self):
        return 1

    @property
    @simul.smartasync
    async def attribute_too(self):
        return 2

    @simul.async_handler
    async def handled(self, number):
        return number


def test_plain_code_gets_values():
    one = Slots()
    assert (double(21), one.method(1), one.plain(2), Slots.method(one, 3)) == (42, 1, 2, 3)
    assert one.of_class(1) == Slots.of_class(1) == one.of_class_too(1) == Slots.of_class_too(1) == (Slots, 1)
    assert one.static(1) == Slots.static(1) == one.static_too(1) == Slots.static_too(1) == 1
    assert (one.attribute, one.attribute_too, one.handled(3)) == (1, 2, 3)
    assert (double.sync(2), one.method.sync(3), Slots.of_class.sync(4)) == (4, 3, (Slots, 4))


class Sub(Slots):
    pass


@pytest.mark.parametrize("name", ["of_class", "of_class_too", "static", "static_too"])
@pytest.mark.parametrize("place", [Slots, Slots(), Sub, Sub()])
def test_sync_and_aio_know_the_class_in_either_order_of_the_decorators(run, place, name):
    bound = getattr(place, name)
    owner = place if isinstance(place, type) else type(place)
    expected = (owner, 4) if name.startswith("of_class") else 4

    async def main():
        return await bound(4), await bound.aio(4), bound.sync(4)

    assert bound(4) == expected
    if name == "of_class_too" and sys.version_info >= (3, 13):
        # A classmethod does not ask what it wraps any more: what it binds passes `.sync` on without its class.
        for wrong in (lambda: bound.sync(4), bound.sync, lambda: bound.aio(4), bound.aio):
            with pytest.raises(TypeError, match="put @smartasync above @classmethod"):
                wrong()
        assert bound.sync(owner, 4) == expected
        assert inspect.iscoroutinefunction(bound.aio)
        return
    assert bound.sync(4) == expected
    assert run(main) == (expected,) * 3
    assert inspect.iscoroutinefunction(bound.aio)


def test_what_happens_to_be_named_cls_and_is_no_method_takes_anything():
    @simul.smartasync
    async def named(cls):
        return cls

    async def plain(cls):
        return cls

    assert named.sync(4) == simul.smartasync(plain).sync(5) - 1 == 4


class Meta(type):
    @simul.smartasync
    async def measured(cls, number):
        return cls, number


def test_a_method_of_a_metaclass_is_bound_to_the_class(run):
    made = Meta("made", (), {})

    async def main():
        return await made.measured.aio(3)

    assert made.measured(1) == (made, 1)
    assert made.measured.sync(2) == (made, 2)
    assert run(main) == (made, 3)


@pytest.mark.parametrize(
    "mocked", [lambda: mock.create_autospec(double.aio, return_value=7), lambda: mock.AsyncMock(return_value=7)]
)
def test_a_mock_of_the_async_half_makes_a_mock_for_both(run, mocked):
    inner = mocked()
    smart = simul.smartasync(inner)

    async def main():
        return await smart(2), await smart.aio(3), smart.sync(4)

    assert smart(1) == 7
    assert run(main) == (7, 7, 7)
    assert inner.mock_calls == [mock.call(1), mock.call(2), mock.call(3), mock.call(4)]
    assert inner.await_count == 4


def test_async_code_gets_coroutines(run):
    one = Slots()

    async def main():
        coroutine = double(21)
        assert asyncio.iscoroutine(coroutine)
        assert await asyncio.create_task(coroutine) == 42
        assert [await one.method(1), await one.plain(2), await one.of_class(3)] == [1, 2, (Slots, 3)]
        assert [await one.attribute, await one.attribute_too, await one.static(1)] == [1, 2, 1]
        assert [double.sync(2), one.method.sync(3), one.handled(4)] == [4, 3, 4]
        assert [await double.aio(2), await one.method.aio(3), await one.plain.aio(4)] == [4, 3, 4]

    run(main)


def test_what_comes_back_decides():
    class Callable:
        async def __call__(self, number):
            return number

    assert simul.smartasync(functools.partial(jobs.ready, 4))() == 4
    assert simul.smartasync(lambda: jobs.ready(5))() == 5
    assert simul.smartasync(functools.partial(double.aio, 3))() == 6
    assert simul.smartasync(Callable())(7) == 7
    assert simul.smartasync(Slots().method)(8) == 8


def test_names_signatures_and_pickling_are_kept():
    assert (double.__name__, double.__doc__, double.__module__) == ("double", "Twice the number.", __name__)
    assert str(inspect.signature(double)) == "(number: 'int') -> 'int'"
    assert str(inspect.signature(Slots().method)) == "(number)"
    assert inspect.iscoroutinefunction(double.aio)
    assert inspect.iscoroutinefunction(Slots().method.aio)
    assert inspect.iscoroutinefunction(Slots().plain.aio)
    assert pickle.loads(pickle.dumps(double)) is double  # noqa: S301  (our own bytes)
    assert pickle.loads(pickle.dumps(Slots().method))(3) == 3  # noqa: S301


def test_all_steps_of_a_generator_are_made_in_one_task_and_leaving_early_ends_it():
    tasks = []

    @simul.smartasync
    async def numbers(count):
        try:
            for number in range(count):
                await asyncio.sleep(0)
                tasks.append(asyncio.current_task())
                got = yield number
                if got:
                    tasks.append(got)
        finally:
            await asyncio.sleep(0)
            tasks.append(asyncio.current_task())

    for number in numbers(5):
        if number == 2:
            break
    assert len(tasks) == 4
    assert len(set(tasks)) == 1
    assert list(numbers(2)) == [0, 1]
    iterator = numbers(5)
    assert next(iterator) == 0
    assert iterator.send("sent") == 1
    assert "sent" in tasks
    with pytest.raises(KeyError):
        iterator.throw(KeyError())


def test_a_context_manager_is_entered_and_left_in_one_task(run):
    tasks = []

    @simul.smartasync
    @contextlib.asynccontextmanager
    async def managed():
        tasks.append(asyncio.current_task())
        try:
            async with asyncio.timeout(60):
                yield 5
        finally:
            tasks.append(asyncio.current_task())

    with managed() as value:
        assert value == 5
    assert tasks[0] is tasks[1]
    with pytest.raises(ZeroDivisionError), managed():
        raise ZeroDivisionError

    async def main():
        async with managed() as value:
            assert value == 5
        with managed.sync() as value:
            assert value == 5

    run(main)


def test_set_sync_nests_inside_of_a_running_loop_and_says_nothing_elsewhere(run, in_thread):
    async def main():
        simul.set_sync()
        assert double(2) == 4
        assert not simul.is_async_context()
        assert not in_thread(simul.is_async_context).join()
        simul.set_sync(False)
        assert simul.is_async_context()

    run(main)
    simul.set_async()
    try:
        coroutine = double(2)
        assert asyncio.iscoroutine(coroutine)
        coroutine.close()
        assert not in_thread(simul.is_async_context).join()
    finally:
        simul.set_async(False)
    assert double(2) == 4


def test_what_a_coroutine_says_ends_with_its_call():
    async def say():
        simul.set_sync()
        return simul.is_async_context()

    async def ask():
        return simul.is_async_context()

    assert simul.run(say()) is False
    assert simul.run(ask()) is True
    assert not simul.is_async_context()


def test_resolving():
    async def one(value):
        return value

    assert simul.run(simul.smartawait(one(one(jobs.ready(3))))) == 3
    assert simul.smartcontinuation(1, lambda value, more, *, word: (value, more, word), 2, word=3) == (1, 2, 3)
    assert simul.run(simul.smartcontinuation(one(1), lambda value: value + 1)) == 2
    assert simul.run(simul.smartcontinuation(one(1), one)) == 1
