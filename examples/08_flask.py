"""A Flask application whose views call coroutines. Threads may stay on: gunicorn -k gthread --threads 8 works."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from simul import async_handler, setup_async

setup_async()
app = Flask(__name__)


@async_handler
async def greeting(name: str) -> str:
    """Anything that awaits: a database, an HTTP client, a Job."""
    await asyncio.sleep(0.01)
    return f"Hello {name}"


@app.route("/<name>")
def view(name: str) -> str:
    """A plain view calls it as a plain function."""
    return greeting(name)


def get(name: str) -> str:
    """Ask the application, as a browser would."""
    return app.test_client().get(f"/{name}").text


if __name__ == "__main__":
    with ThreadPoolExecutor(4) as threads:
        print(*threads.map(get, ["Ada", "Grace", "Barbara", "Frances"]), sep="\n")
