"""CapacityLimiter: a token for each borrower, and a total that may change."""

from __future__ import annotations

import asyncio
import math
import threading

import pytest

import simul
from tests.bridge.waiting import until


def test_a_larger_total_serves_those_who_wait_and_a_smaller_one_takes_nothing_away(run):
    async def main():
        limiter = simul.CapacityLimiter(1)
        await limiter.acquire_on_behalf_of("a")
        waiters = [asyncio.create_task(limiter.acquire_on_behalf_of(name)) for name in "bc"]
        await asyncio.sleep(0)
        assert limiter.statistics()["waiting"] == 2
        limiter.total_tokens = 2
        await waiters[0]
        assert (limiter.borrowed_tokens, limiter.available_tokens) == (2, 0)
        limiter.total_tokens = 1
        assert limiter.available_tokens == -1
        limiter.release_on_behalf_of("a")
        await asyncio.sleep(0)
        assert not waiters[1].done()
        limiter.release_on_behalf_of("b")
        await waiters[1]
        assert limiter.statistics() == {
            "total_tokens": 1,
            "borrowed_tokens": 1,
            "borrowers": ("c",),
            "waiting": 0,
        }

    run(main)


def test_one_token_for_each_borrower(run):
    async def main():
        limiter = simul.CapacityLimiter(2)
        async with limiter:
            with pytest.raises(RuntimeError, match="already holding"):
                await limiter.acquire()
            with pytest.raises(RuntimeError, match="already holding"):
                limiter.acquire_nowait()
            assert limiter.statistics()["borrowers"] == (asyncio.current_task(),)
        with pytest.raises(RuntimeError, match="isn't holding"):
            limiter.release()

    run(main)
    limiter = simul.CapacityLimiter(1)
    with limiter:
        assert limiter.statistics()["borrowers"] == (threading.current_thread(),)


def test_a_borrower_that_gave_up_may_ask_again(run):
    async def main():
        limiter = simul.CapacityLimiter(1)
        assert limiter.acquire_on_behalf_of_nowait("a")
        assert not limiter.acquire_on_behalf_of_nowait("b")
        waiter = asyncio.create_task(limiter.acquire_on_behalf_of("b"))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already waiting"):
            await limiter.acquire_on_behalf_of("b")
        limiter.release_on_behalf_of("a")  # to b, which is cancelled before it reads it
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert limiter.borrowed_tokens == 0
        with pytest.raises(simul.TimeoutError):
            limiter._take_anyway("a")
            limiter.acquire_on_behalf_of("b").wait(0)
        assert limiter.statistics()["borrowers"] == ("a",)
        limiter._take_anyway("b")
        assert limiter.borrowed_tokens == 2

    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        run(main)


def test_no_limit_and_none():
    limiter = simul.CapacityLimiter(math.inf)
    assert limiter.total_tokens == math.inf
    assert all(limiter.acquire_on_behalf_of_nowait(number) for number in range(100))
    assert limiter.available_tokens == math.inf
    assert not simul.CapacityLimiter(0).acquire_nowait()
    with pytest.raises(ValueError, match=">= 0"):
        limiter.total_tokens = -1
    for wrong in (1.5, "1", None):
        with pytest.raises(TypeError, match=r"an int or math\.inf"):
            limiter.total_tokens = wrong


def test_a_token_is_given_back_by_another_thread(in_thread):
    limiter = simul.CapacityLimiter(1)
    limiter.acquire_on_behalf_of("work").wait()
    waiter = in_thread(lambda: limiter.acquire().wait())
    until(lambda: limiter.statistics()["waiting"] > 0)
    in_thread(limiter.release_on_behalf_of, "work").join()
    waiter.join()
    assert limiter.borrowed_tokens == 1


def test_a_forked_child_keeps_the_total_and_nothing_is_lent(child):
    child("""
        import simul
        limiter = simul.CapacityLimiter(1)
        limiter.total_tokens = 2
        limiter.acquire_nowait()
        pid = os.fork()
        if pid == 0:
            assert (limiter.total_tokens, limiter.borrowed_tokens) == (2, 0)
            with limiter:
                assert limiter.borrowed_tokens == 1
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        limiter.release()
    """)
