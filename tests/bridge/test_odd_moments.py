"""Calls in moments that nobody plans for: in a signal's handler, in a destructor, while loops are renewed."""

from __future__ import annotations

import asyncio
import threading

import pytest

import simul


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_handler_may_call_while_the_loop_is_turned_but_not_marked_as_running(child, kind):
    # A signal comes between two lines of the code that turns a loop; here it is called there.
    child(
        """
        import simul
        use(arguments[0])
        said = []
        @simul.async_handler
        async def number(value):
            await asyncio.sleep(0)
            return value
        def handler(*_):
            said.append(number(5))
        @simul.async_handler
        async def first():
            loop = asyncio.get_running_loop()
            turned = loop.run_forever
            def run_forever():
                del loop.run_forever
                handler()
                turned()
                handler()
            loop.run_forever = run_forever
            await asyncio.sleep(0)
            return "first"
        assert first() == "first"
        assert said == [5, 5]
        assert number(6) == 6
        """,
        kind,
    )


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_handlers_of_many_signals_call_beside_any_call(child, kind):
    child(
        """
        import simul
        use(arguments[0])
        said = []
        taken = threading.Semaphore(0)
        @simul.async_handler
        async def number(value):
            await asyncio.sleep(0)
            return value
        def handler(*_):
            said.append(number(7))
            taken.release()
        signal.signal(signal.SIGUSR1, handler)
        def send():
            for _ in range(500):
                os.kill(os.getpid(), signal.SIGUSR1)
                taken.acquire()
        sender = threading.Thread(target=send)
        sender.start()
        calls = 0
        while sender.is_alive():
            assert number(calls) == calls
            calls += 1
        sender.join()
        assert said == [7] * 500
        """,
        kind,
    )


def test_a_destructor_may_call_when_the_interpreter_ends(child):
    finished = child(
        """
        import simul
        @simul.async_handler
        async def number(value):
            await asyncio.sleep(0)
            return value
        class Last:
            def __del__(self, number=number, print=print):
                print(number(8), flush=True)
        assert number(1) == 1
        kept = Last()
        """
    )
    assert finished.lines == ["8"]


def test_a_loop_that_cannot_be_made_leaves_nothing_half_made(child):
    child(
        """
        import simul
        class Closed(asyncio.SelectorEventLoop):
            def __setattr__(self, name, value):
                if name == "call_soon":
                    raise AttributeError("this loop takes no attributes")
                super().__setattr__(name, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            class Policy(asyncio.DefaultEventLoopPolicy):
                def new_event_loop(self):
                    loops.append(Closed())
                    return loops[-1]
            loops = []
            asyncio.set_event_loop_policy(Policy())
        async def never():
            pass
        coroutine = never()
        try:
            simul.run(coroutine)
        except AttributeError as error:
            assert "takes no attributes" in str(error)
        else:
            raise AssertionError
        coroutine.close()
        for loop in loops: loop.close()
        gc.collect()
        """
    )


@simul.smartasync
async def letters():
    for letter in "abc":
        await asyncio.sleep(0)
        yield letter


def test_a_reset_elsewhere_disturbs_no_generator_and_no_manager_that_has_begun(in_thread):
    reset, begun = threading.Event(), threading.Event()

    def other():
        with simul.smartasync(_Manager)() as manager:
            iterator = letters()
            seen = [next(iterator)]
            begun.set()
            reset.wait()
            seen += iterator
        return seen, manager.left

    thread = in_thread(other)
    begun.wait()
    simul.reset_smartasync_cache()
    reset.set()
    assert thread.join() == (["a", "b", "c"], True)


class _Manager:
    left = False

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await asyncio.sleep(0)
        self.left = True


def test_a_reset_in_a_generators_own_step_waits_until_it_has_ended():
    loops = []

    @simul.smartasync
    async def resets():
        for number in range(3):
            loops.append(asyncio.get_running_loop())
            yield number
            simul.reset_smartasync_cache()

    assert list(resets()) == [0, 1, 2]
    assert len(set(loops)) == 1
    loop = simul.async_handler(_running)()
    assert loop is not loops[0]
    assert loops[0].is_closed()


async def _running():
    return asyncio.get_running_loop()


def test_a_generator_whose_loop_was_reset_says_so():
    iterator = letters()
    assert next(iterator) == "a"
    simul.reset_smartasync_cache()
    with pytest.raises(simul.InvalidError, match="has been closed"):
        next(iterator)


def test_a_finally_that_fails_leaves_no_task_behind():
    async def tasks():
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    @simul.smartasync
    async def fails():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            raise ValueError

    before = simul.run(tasks())
    iterator = fails()
    assert next(iterator) == 1
    with pytest.raises(ValueError):
        iterator.close()
    assert simul.run(tasks()) == before


@pytest.mark.parametrize("factory", ["old", "eager"])
def test_a_task_factory_of_the_users_is_not_asked_for_our_own_tasks(child, factory):
    child(
        """
        import simul
        def old(loop, coroutine):
            return asyncio.Task(coroutine, loop=loop)
        factory = old if arguments[0] == "old" else getattr(asyncio, "eager_task_factory", old)
        user = __import__("contextvars").ContextVar("user", default="nobody")
        @simul.smartasync
        async def numbers():
            asyncio.get_running_loop().set_task_factory(factory)
            assert await asyncio.create_task(asyncio.sleep(0, 9)) == 9
            for number in range(3):
                user.set(number)
                yield number
                await asyncio.sleep(0)
        assert list(numbers()) == list(numbers()) == [0, 1, 2]
        assert user.get() == 2
        async def nested():
            asyncio.get_running_loop().set_task_factory(factory)
            return list(numbers.sync()), list(numbers.sync())
        assert asyncio.run(nested()) == ([0, 1, 2], [0, 1, 2])
        """,
        factory,
    )


def test_a_future_of_another_loop_is_refused_by_name_and_stays_good(new_loop):
    loop = new_loop()
    try:
        future = loop.create_future()
        with pytest.raises(simul.InvalidError, match="belongs to another event loop"):
            simul.run(future)
        future.set_result(3)
        assert loop.run_until_complete(asyncio.wait_for(_awaited(future), 60)) == 3
    finally:
        loop.close()


async def _awaited(future):
    return await future


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_ctrl_c_at_the_end_of_a_generators_step_ends_it_there(child, kind):
    child(
        """
        import simul
        use(arguments[0])
        ended = []
        @simul.smartasync
        async def numbers():
            try:
                await asyncio.sleep(0)
                os.kill(os.getpid(), signal.SIGINT)
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                ended.append(True)
        async def tasks():
            await asyncio.sleep(0)
            return len(asyncio.all_tasks())
        try:
            for number in numbers():
                raise AssertionError(number)
        except KeyboardInterrupt:
            assert ended == [True]
        else:
            raise AssertionError
        assert simul.run(tasks()) == 1
        """,
        kind,
    )


def test_ctrl_c_while_the_task_is_made_leaves_nothing_to_complain_about(child):
    # asyncio notes new tasks in a WeakSet, in Python, until 3.13; there the interrupt comes.
    child(
        """
        import simul
        @simul.async_handler
        async def number(value):
            return value
        assert number(1) == 1
        add, hit = weakref.WeakSet.add, []
        def interrupted(self, item):
            weakref.WeakSet.add = add
            hit.append(True)
            raise KeyboardInterrupt
        weakref.WeakSet.add = interrupted
        try:
            number(2)
        except KeyboardInterrupt:
            pass
        weakref.WeakSet.add = add
        assert hit or sys.version_info >= (3, 14)
        gc.collect()
        assert number(3) == 3
        """
    )


@pytest.mark.parametrize("turned", [False, True])
def test_a_timeout_that_strikes_between_two_steps_is_told_by_the_next(turned):
    caught = []

    @simul.smartasync
    async def limited():
        async with asyncio.timeout(None) as limit:
            try:
                limits.append(limit)
                yield 1
                yield 2
                yield 3
            except asyncio.CancelledError:
                caught.append(True)
                raise

    async def turn():
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def strike():
        limits[-1].reschedule(asyncio.get_running_loop().time())
        if turned:
            await turn()

    limits = []
    iterator = limited()
    assert next(iterator) == 1
    simul.run(strike())
    with pytest.raises(TimeoutError):
        list(iterator)
    assert caught == [True]
    assert list(iterator) == []


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_loop_says_that_it_is_running_from_the_first_step_on(child, kind):
    child(
        """
        import simul
        use(arguments[0])
        @simul.async_handler
        async def ask(outer=None):
            loop = asyncio.get_running_loop()
            said = [loop.is_running()]
            if outer is not None:
                said.append(outer.is_running())
            await asyncio.sleep(0)
            return loop, [*said, loop.is_running()]
        loop, said = ask()
        assert said == [True, True]
        assert not loop.is_running()
        @simul.async_handler
        async def nested():
            return ask(asyncio.get_running_loop())
        inner, said = nested()
        assert said == [True, True, True]
        assert not inner.is_running() and not loop.is_running()
        simul.reset_smartasync_cache()
        assert loop.is_closed() and not loop.is_running()
        gone = weakref.ref(loop)
        del loop, inner
        gc.collect()
        assert gone() is None
        """,
        kind,
    )


def test_a_call_ends_though_the_loop_has_lost_its_next_step(child):
    # As where the recursion limit is reached, or Ctrl-C strikes a second time, in the loop's own code.
    child(
        """
        import simul
        run_handle, ended = asyncio.Handle._run, []
        def lost(self):
            asyncio.Handle._run = run_handle
            raise RecursionError
        @simul.async_handler
        async def call():
            try:
                asyncio.Handle._run = lost
                await asyncio.sleep(0)
                raise AssertionError
            finally:
                ended.append(True)
        @simul.async_handler
        async def number(value):
            await asyncio.sleep(0)
            return value, len(asyncio.all_tasks())
        try:
            call()
        except RecursionError:
            assert ended == [True]
        else:
            raise AssertionError
        assert number(2) == (2, 1)
        """
    )
