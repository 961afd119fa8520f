"""What is left on a thread's loop, where the process is forked."""

from __future__ import annotations


def test_a_child_that_ends_in_the_ordinary_way_says_nothing_of_its_parents_tasks(child):
    child("""
        import simul
        ended = []
        async def background():
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(os.getpid())
        async def leave():
            asyncio.get_running_loop().create_task(background())
            await asyncio.sleep(0)
        simul.run(leave())
        pid = os.fork()
        if pid == 0:
            sys.exit(5)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
        assert ended == []
    """)
