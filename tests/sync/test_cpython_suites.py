"""CPython's own tests of locks and queues, as they ship with the interpreter, run against simul's.

What is left out stands in a table with its reason; a reason is a difference that simul wants, or that the test looks at
CPython's insides. The rest must pass as it is.
"""

from __future__ import annotations

import importlib
import importlib.util
import types
import unittest
from typing import Any

import pytest

from . import stdlib_shapes as shapes

pytest.importorskip("test.support", reason="this interpreter ships without CPython's tests")

REPR = "simul's repr has words of its own"
FORK = "reads CPython's fork hook; simul resets by generation, see test_fork"
SHAPE = "subscripts the adapter; tests/typing subscripts simul's class"
INSIDES = "reads private names of CPython's class"
ANY_LOOP = "simul's serve any number of loops at once"
GRANTED = "counts those who were let through and have not run yet as waiting; simul hands over when it is released"
ACTION = "asyncio's Barrier has no action, so simul's has none"
RLOCK = "threading's Condition makes an RLock and takes any lock; asyncio's and simul's make a Lock"
LOOP = "asks for the very words with which CPython refuses a parameter that it once had"


def of_cpython(name: str) -> types.ModuleType:
    """A copy of a module of CPython's tests that nobody else shares."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        pytest.skip(f"this interpreter ships without {name}", allow_module_level=True)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def against_simul(source: type, left_out: dict[str, str], **attributes: Any) -> type:
    """The tests of a class, with simul's type in it."""
    for name, reason in left_out.items():
        if hasattr(source, name):  # versions of CPython differ in what they have
            attributes[name] = unittest.skip(reason)(lambda self: None)
    bases = (source,) if issubclass(source, unittest.TestCase) else (source, unittest.TestCase)
    return type(source.__name__, bases, attributes)


locks = of_cpython("test.lock_tests")

ThreadingLock = against_simul(
    locks.LockTests,
    {"test_repr": REPR, "test_locked_repr": REPR, "test_at_fork_reinit": FORK},
    locktype=shapes.threading_type("Lock"),
)
ThreadingRLock = against_simul(
    locks.RLockTests,
    {
        "test_repr": REPR,
        "test_locked_repr": REPR,
        "test_release_save_unacquired": INSIDES,
        "test_recursion_count": INSIDES,
        "test__is_owned": INSIDES,
    },
    locktype=shapes.threading_type("RLock"),
)
ThreadingEvent = against_simul(
    locks.EventTests, {"test_repr": REPR, "test_at_fork_reinit": FORK}, eventtype=shapes.ThreadingEvent
)
ThreadingCondition = against_simul(locks.ConditionTests, {"test_acquire": RLOCK}, condtype=shapes.ThreadingCondition)
ThreadingSemaphore = against_simul(
    locks.SemaphoreTests, {"test_repr": REPR}, semtype=shapes.threading_type("Semaphore")
)
ThreadingBoundedSemaphore = against_simul(
    locks.BoundedSemaphoreTests, {"test_repr": REPR}, semtype=shapes.threading_type("BoundedSemaphore")
)
ThreadingBarrier = against_simul(
    locks.BarrierTests, {"test_repr": REPR, "test_action": ACTION}, barriertype=shapes.ThreadingBarrier
)

asyncio_locks = of_cpython("test.test_asyncio.test_locks")
asyncio_locks.asyncio = shapes.AsyncioModule(("Lock", "Semaphore", "BoundedSemaphore", "Event", "Condition", "Barrier"))

AsyncioLock = against_simul(
    asyncio_locks.LockTests,
    {"test_repr": REPR, "test_cancel_race": INSIDES, "test_lock_doesnt_accept_loop_parameter": LOOP},
)
AsyncioEvent = against_simul(asyncio_locks.EventTests, {"test_repr": REPR, "test_clear_with_waiters": GRANTED})
AsyncioCondition = against_simul(
    asyncio_locks.ConditionTests,
    {"test_repr": REPR, "test_ambiguous_loops": ANY_LOOP, "test_explicit_lock": INSIDES},
)
AsyncioSemaphore = against_simul(
    asyncio_locks.SemaphoreTests,
    {"test_repr": REPR, "test_acquire_fifo_order_2": GRANTED, "test_acquire_fifo_order_4": GRANTED},
)
AsyncioBarrier = against_simul(
    asyncio_locks.BarrierTests,
    {
        "test_repr": REPR,
        "test_barrier": REPR,
        "test_filling_task_by_task": REPR,
        "test_draining_state": REPR,
        "test_reset_barrier_when_tasks_half_draining": GRANTED,
        "test_reset_barrier_when_tasks_half_draining_half_blocking": GRANTED,
        "test_reset_barrier_while_tasks_draining": GRANTED,
        "test_abort_barrier_when_tasks_half_draining_half_blocking": GRANTED,
    },
)

queues = of_cpython("test.test_queue")
ThreadingQueue = against_simul(queues.QueueTest, {}, queue=shapes.queue_module())
ThreadingLifoQueue = against_simul(queues.LifoQueueTest, {}, queue=shapes.queue_module())
ThreadingPriorityQueue = against_simul(queues.PriorityQueueTest, {}, queue=shapes.queue_module())

asyncio_queues = of_cpython("test.test_asyncio.test_queues")
asyncio_queues.asyncio = shapes.AsyncioModule(("Queue", "LifoQueue", "PriorityQueue"))
for _name, _tests in vars(asyncio_queues).copy().items():
    if isinstance(_tests, type) and issubclass(_tests, unittest.TestCase):
        globals()[f"Asyncio{_name}"] = against_simul(
            _tests,
            {
                "test_generic_alias": SHAPE,
                "test_repr": REPR,
                "test_str": REPR,
                "test_get_with_putters": INSIDES,
            },
        )
