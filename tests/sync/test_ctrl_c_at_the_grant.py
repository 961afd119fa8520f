"""Ctrl-C that comes just before the grant: what was granted goes back, and nothing is left held."""

from __future__ import annotations

import pytest

PRELUDE = """
import simul
def interrupt():
    # The main thread sleeps outside of the interpreter; it hears of this when it wakes, by then it has been granted.
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
def until(condition):
    while not condition():
        os.sched_yield()
def beside(function):
    thread = threading.Thread(target=function)
    thread.start()
    return thread
"""


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
def test_an_item_stays_in_the_queue(child, kind):
    child(f"""{PRELUDE}
for _ in range(20):
    queue, got = simul.{kind}(), []
    def put():
        until(lambda: queue.statistics()["waiting_to_get"] == 1)
        interrupt()
        queue.put_nowait("item")
    thread = beside(put)
    try:
        got.append(queue.get().wait())
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("not interrupted")
    thread.join()
    assert (got, queue.qsize()) == ([], 1)
""")


def test_a_put_that_was_interrupted_has_put_nothing(child):
    child(f"""{PRELUDE}
for _ in range(20):
    queue = simul.Queue(1)
    queue.put_nowait("first")
    def get():
        until(lambda: queue.statistics()["waiting_to_put"] == 1)
        interrupt()
        queue.get_nowait()
    thread = beside(get)
    try:
        queue.put("second").wait()
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("not interrupted")
    thread.join()
    queue.put_nowait("room")
    assert queue.get_nowait() == "room"
""")


@pytest.mark.parametrize(
    "maker", ["Lock()", "RLock()", "Semaphore(1)", "BoundedSemaphore(1)", "CapacityLimiter(1)", "Condition()"]
)
def test_what_a_with_waits_for_is_free_afterwards(child, maker):
    child(f"""{PRELUDE}
for _ in range(20):
    primitive, held = simul.{maker}, threading.Event()
    def hold():
        with primitive:
            held.set()
            # Of a Condition, `waiting` are those who wait to be told.
            lock = getattr(primitive, "_lock", primitive)
            until(lambda: lock.statistics()["waiting"] == 1)
            interrupt()
    thread = beside(hold)
    held.wait()
    try:
        with primitive:
            raise AssertionError("let in, though interrupted")
    except KeyboardInterrupt:
        pass
    thread.join()
    assert primitive.acquire_nowait()
    assert primitive.statistics()["waiting"] == 0
""")


@pytest.mark.parametrize("lock", ["Lock", "RLock"])
def test_a_conditions_wait_has_its_lock_again_and_raises(child, lock):
    child(f"""{PRELUDE}
for _ in range(20):
    condition = simul.Condition(simul.{lock}())
    def tell():
        until(lambda: condition.statistics()["waiting"] == 1)
        with condition:
            condition.notify()
            until(lambda: condition._lock.statistics()["waiting"] == 1)
            interrupt()
    thread = beside(tell)
    try:
        with condition:
            try:
                condition.wait().wait()
            finally:
                assert condition.locked()
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("not interrupted")
    thread.join()
    assert condition.statistics() == {{"locked": False, "waiting": 0}}
    condition.acquire_nowait() or exit("the lock was left held")
""")


def test_a_conditions_with_is_the_locks_own_and_stands_in_an_exit_stack(child):
    child("""
        import simul
        condition = simul.Condition()
        with contextlib.ExitStack() as stack:
            stack.enter_context(condition)
            assert condition.locked()
        assert not condition.locked()
        # No step of Python between having the lock and the block: Ctrl-C could come there.
        with condition as nothing:
            assert nothing is None
        assert type(condition).__enter__.__get__(condition) == condition._lock.__enter__
    """)
