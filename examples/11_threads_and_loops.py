"""One queue and one lock between two event loops and a plain thread."""

import asyncio
import threading

from simul import Lock, Queue, QueueShutDown

queue: Queue[int] = Queue(maxsize=4)
lock, squares = Lock(), list[int]()


def produce() -> None:
    """Plain code: `.wait()` where a coroutine would await."""
    for number in range(20):
        queue.put(number).wait()
    queue.shutdown()


async def consume() -> None:
    """A coroutine, on whichever loop."""
    try:
        while True:
            number = await queue.get()
            async with lock:
                squares.append(number * number)
    except QueueShutDown:
        return


threads = [threading.Thread(target=produce), *[threading.Thread(target=asyncio.run, args=(consume(),)) for _ in "ab"]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with lock:
    print(sorted(squares))
