"""Async generators that a coroutine iterates in its first step belong to its loop, and nobody else's do."""

from __future__ import annotations

import pytest

# Hooks set through a wrapper are not found in the interpreter's record: the bridge then calls the two functions.
HIDDEN = """
    class Behind:
        def __init__(self, hook): self.hook = hook
        def __call__(self, generator): return self.hook(generator)
    real_get, real_set = sys.get_asyncgen_hooks, sys.set_asyncgen_hooks
    calls = []
    def get(): return tuple(hook and hook.hook for hook in real_get())
    def put(firstiter, finalizer):
        calls.append(1)
        return real_set(*(hook and Behind(hook) for hook in (firstiter, finalizer)))
    sys.get_asyncgen_hooks, sys.set_asyncgen_hooks = get, put
"""


@pytest.mark.parametrize("before", ["", HIDDEN], ids=["record", "functions"])
@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_the_first_step_has_the_loops_hooks_and_its_caller_those_that_it_had(child, before, kind):
    child(
        before
        + """
    import simul
    use(arguments[0])
    ended, kept = [], []
    async def numbers():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            ended.append(threading.get_ident())
    @simul.smartasync
    async def first():
        generator = numbers()
        kept.append(generator)
        async for number in generator:
            return number, tuple(sys.get_asyncgen_hooks())

    class Foreign:
        def __init__(self): self.seen = []
        def __call__(self, generator): self.seen.append(generator.__name__)
    def in_thread():
        # Nobody has set any; then somebody has.
        assert tuple(sys.get_asyncgen_hooks()) == (None, None)
        number, hooks = first()
        assert number == 1 and hooks[0] and hooks[1] and hooks[0] is not hooks[1], hooks
        assert tuple(sys.get_asyncgen_hooks()) == (None, None)
        mine, last = Foreign(), Foreign()
        sys.set_asyncgen_hooks(mine, last)
        count = sys.getrefcount(mine), sys.getrefcount(last)
        for _ in range(100):
            assert first()[1] == hooks
            assert tuple(sys.get_asyncgen_hooks()) == (mine, last)
        assert (sys.getrefcount(mine), sys.getrefcount(last)) == count
        assert mine.seen == last.seen == []
        other = numbers()
        coroutine = other.__anext__()
        try:
            coroutine.send(None)
        except StopIteration:
            pass
        assert mine.seen == ["numbers"]
        sys.set_asyncgen_hooks(None, last)
        first()
        assert tuple(sys.get_asyncgen_hooks()) == (None, last)
        sys.set_asyncgen_hooks(None, None)
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    # Ended by the thread's loop when the thread ended, there: all 102 of them were its own.
    assert len(ended) == 102 and thread.ident in ended and len(set(ended)) == 1, len(ended)
    if "calls" in globals():
        assert len(calls) > 200, len(calls)
    """,
        kind,
    )


def test_hooks_that_the_coroutine_sets_are_gone_with_its_first_step(child):
    child("""
    import simul, weakref, gc
    class Hook:
        def __call__(self, generator): pass
    @simul.smartasync
    async def sets():
        hook = Hook()
        gone.append(weakref.ref(hook))
        sys.set_asyncgen_hooks(hook, hook)
    gone = []
    sets()
    assert tuple(sys.get_asyncgen_hooks()) == (None, None)
    assert gone[0]() is None
    """)


def test_the_place_of_the_hooks_is_known_in_the_versions_that_are_tested(child):
    child("""
    import simul
    async def trivial(): pass
    simul.run(trivial())
    heard = []
    sys.addaudithook(lambda event, _: heard.append(event) if "asyncgen" in event else None)
    simul.run(trivial())
    # The functions of sys tell of each call; what is written in the record is not heard.
    assert bool(heard) == (sys.version_info >= (3, 15)), heard
    """)
