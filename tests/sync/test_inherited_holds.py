"""A hold from before a fork: the child has it free, and what the parent held is given up there in silence."""

from __future__ import annotations

import pytest

MAKERS = [
    "Lock()",
    "RLock()",
    "Condition()",
    "Semaphore(1)",
    "Semaphore(3)",
    "BoundedSemaphore(1)",
    "CapacityLimiter(2)",
]
PRELUDE = """
import simul
def judge(primitive, pid, before):
    if pid:
        assert primitive.statistics() == before, primitive.statistics()
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        return
    assert primitive.statistics() == before, primitive.statistics()
    with primitive:
        assert primitive.statistics() != before
    assert primitive.statistics() == before
    # Only what was held is forgiven; one release more is judged as ever.
    try:
        primitive.release()
        assert type(primitive) is simul.Semaphore
        assert primitive.statistics()["value"] == before["value"] + 1
    except (RuntimeError, ValueError):
        assert type(primitive) is not simul.Semaphore
    os._exit(7)
"""


@pytest.mark.parametrize("maker", MAKERS)
def test_a_with_block_around_a_fork_ends_in_both(child, maker):
    child(f"""{PRELUDE}
primitive = simul.{maker}
before = primitive.statistics()
with primitive:
    held = primitive.statistics()
    pid = os.fork()
    if pid == 0:
        # In use while the block goes on.
        with primitive:
            pass
        assert primitive.statistics() == before
    else:
        assert primitive.statistics() == held
judge(primitive, pid, before)
""")


@pytest.mark.parametrize("maker", MAKERS)
def test_an_async_with_block_around_a_fork_ends_in_both(child, maker, loop_kind):
    child(
        f"""{PRELUDE}
async def main():
    primitive = simul.{maker}
    before = primitive.statistics()
    async with primitive:
        pid = os.fork()
    judge(primitive, pid, before)
run(main(), arguments[0])
""",
        loop_kind,
    )


def test_a_deep_rlock_is_given_up_as_often_in_the_child(child):
    child(f"""{PRELUDE}
lock = simul.RLock()
before = lock.statistics()
with lock, lock:
    pid = os.fork()
    if pid == 0:
        assert not lock.locked()
        with lock:
            pass
judge(lock, pid, before)
""")


def test_a_grandchild_gives_up_what_its_grandparent_held(child):
    child(f"""{PRELUDE}
lock = simul.Lock()
before = lock.statistics()
with lock:
    first = os.fork()
    second = os.fork() if first == 0 else None
if second is not None:
    judge(lock, second, before)
    os._exit(7)
judge(lock, first, before)
""")
