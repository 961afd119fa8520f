"""Bounds on time of the bridge and the primitives: hand-over, fork, nesting, heartbeat."""

from __future__ import annotations

import pathlib
import sys
import tempfile
import textwrap

from _latency import WAITED, Sample, judged, report, start_child

ROUNDS = 5

# What is measured, its limit in seconds, and the program that prints it as its last line.
CHECKS = {
    "a lock passes from a loop that closed to one that lives": (
        0.100,
        """
        lock, times = simul.Lock(), []
        lock.acquire_nowait()
        closed, ready = threading.Event(), threading.Event()
        def die():
            loop = asyncio.new_event_loop()
            async def start():
                task = loop.create_task(lock.acquire())
                while not lock.statistics()["waiting"]: await asyncio.sleep(0)
                task._log_destroy_pending = False
                ready.set()
                await loop.run_in_executor(None, closed.wait)
            loop.run_until_complete(start())
            loop.run_until_complete(loop.shutdown_default_executor())
            lock.release()  # granted to the loop that ends now, and that does not turn again
            times.append((time.monotonic(), Waited()))
            loop.close()
        thread = threading.Thread(target=die)
        thread.start()
        ready.wait()
        async def live():
            task = asyncio.create_task(lock.acquire())
            while lock.statistics()["waiting"] < 2: await asyncio.sleep(0)
            closed.set()
            await task
            at, waited = times[0]
            return time.monotonic() - at, waited.seconds()
        say(*asyncio.run(live()))
        thread.join()
        """,
    ),
    "a forked child uses everything": (
        2.0,
        """
        def everything():
            async def work():
                await asyncio.sleep(0)
                return await simul.to_thread(lambda: 1)
            assert simul.run(work()) == asyncio.run(work()) == 1
            with lock: queue.put(1).wait(); queue.get().wait()
        lock, queue = simul.Lock(), simul.Queue()
        everything()
        warnings.simplefilter("ignore")
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            began, waited = time.monotonic(), Waited()
            everything()
            os.write(write, f"{time.monotonic() - began} {waited.seconds()}".encode())
            os._exit(0)
        os.waitpid(pid, 0)
        say(os.read(read, 100).decode())
        """,
    ),
    "64 workers through a limiter of 4 call back into a handler that needs a worker": (
        5.0,
        """
        limiter = simul.CapacityLimiter(4)
        async def handler():
            await simul.to_thread(lambda: None, limiter=limiter)
        def worker():
            simul.from_thread.run(handler)
        async def main():
            await asyncio.gather(*[simul.to_thread(worker, limiter=limiter) for _ in range(64)])
        began, waited = time.monotonic(), Waited()
        asyncio.run(main())
        say(time.monotonic() - began, waited.seconds())
        """,
    ),
    "sync and async alternate to a depth of 60": (
        5.0,
        """
        @simul.smartasync
        async def deeper(depth):
            return 0 if depth == 0 else await simul.to_thread(deeper, depth - 1) + 1
        began, waited = time.monotonic(), Waited()
        assert deeper(60) == 60
        say(time.monotonic() - began, waited.seconds())
        """,
    ),
    "a blocking acquire on the holder's loop is refused": (
        0.100,
        """
        lock = simul.Lock()
        async def main():
            async with lock:
                began, waited = time.monotonic(), Waited()
                try:
                    lock.acquire().wait()
                except simul.DeadlockError:
                    return time.monotonic() - began, waited.seconds()
        say(*asyncio.run(main()))
        """,
    ),
    "a heartbeat beside 10,000 waiters of one event": (
        0.050,
        """
        event = simul.Event()
        async def main():
            worst, running = (0.0, 0.0), True
            together = asyncio.gather(*[asyncio.create_task(event.wait()) for _ in range(10_000)])
            await asyncio.sleep(0)
            async def beat():
                nonlocal worst
                while running:
                    waited, due = Waited(), time.monotonic() + 0.001
                    await asyncio.sleep(0.001)
                    late = time.monotonic() - due
                    if late > worst[0] - worst[1]:
                        worst = max(worst, (late, waited.seconds()), key=lambda one: one[0] - one[1])
            heart = asyncio.create_task(beat())
            await asyncio.sleep(0)
            threading.Thread(target=event.set).start()
            await together
            running = False
            await heart
            return worst
        say(*asyncio.run(main()))
        """,
    ),
}


def bridge_bounds() -> tuple[bool, str]:
    """Each check, several rounds."""
    good, lines = True, []
    with tempfile.TemporaryDirectory() as folder:
        for name, (limit, source) in CHECKS.items():
            samples = []
            for _ in range(ROUNDS):
                finished = start_child(
                    pathlib.Path(folder), WAITED + "import time, simul\n" + textwrap.dedent(source)
                ).finish()
                if finished.code:
                    raise SystemExit(f"{name}: the child failed: {finished.err}")
                samples.append(Sample.said(finished.lines[-1]))
            within, text = judged(samples, limit)
            good = good and within
            lines.append(f"{name}: {text}")
    return good, "; ".join(lines)


if __name__ == "__main__":
    sys.exit(report(bridge_bounds))
