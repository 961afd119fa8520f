"""Work that nobody waited for, errors that nobody read, and what is left at exit: with the line that made it."""

from __future__ import annotations

import asyncio
import gc

import pytest

import simul
from simul.detection import origin, thrown_away
from simul.testing import jobs

from .conftest import line_of


def only(watch, kind):
    found = [report for report in watch.reports if report.kind == kind]
    assert len(found) == 1, [str(report) for report in watch.reports]
    return found[0]


@pytest.mark.filterwarnings("always:coroutine .* was never awaited")
def test_a_coroutine_that_was_never_awaited_is_reported_with_the_line_that_made_it(watching, recwarn):
    async def fetch():
        pass

    def forgets():
        fetch()  # made

    watch = watching()
    forgets()
    gc.collect()
    report = only(watch, "never-awaited")
    assert (report.site.file, report.site.line) == (__file__, line_of(forgets, "made"))
    assert "fetch" in report.what
    assert list(recwarn) == [], "one voice is enough"


def test_a_job_that_was_never_awaited_is_reported_even_where_such_warnings_are_ignored(watching):
    def forgets():
        jobs.sleep(60)  # made

    watch = watching()
    forgets()
    report = only(watch, "never-awaited")
    assert (report.site.file, report.site.line) == (__file__, line_of(forgets, "made"))
    assert "sleep" in report.what


def test_an_operation_that_was_never_begun_is_reported_with_the_line_that_made_it(watching):
    def forgets():
        made = simul.sync.Lock().acquire()  # made
        del made

    watch = watching()
    forgets()
    report = only(watch, "never-awaited")
    assert (report.site.file, report.site.line) == (__file__, line_of(forgets, "made"))
    assert "Lock.acquire" in report.what


def test_an_error_that_nobody_read_is_reported_with_the_line_that_made_the_job(watching):
    def forgets():
        job = jobs.fail("Invalid", "the reason")  # made
        while not job.done():
            jobs.ready().wait()

    watch = watching()
    forgets()
    report = only(watch, "unread-error")
    assert report.site.line == line_of(forgets, "made")
    assert "the reason" in report.what


@pytest.mark.parametrize("how", ["waited", "awaited", "asked", "in a callback"])
def test_an_error_that_somebody_read_is_not_reported(watching, run, how):
    watch = watching()
    job = jobs.fail("Invalid", "the reason")
    if how == "awaited":

        async def main():
            with pytest.raises(simul.InvalidError):
                await job

        run(main)
    elif how == "asked":
        while not job.done():
            jobs.ready().wait()
        assert isinstance(job.exception(), simul.InvalidError)
    elif how == "in a callback":

        async def main():
            read = asyncio.get_running_loop().create_future()
            job.add_done_callback(lambda job: read.set_result(job.exception()))
            assert isinstance(await read, simul.InvalidError)

        run(main)
    else:
        with pytest.raises(simul.InvalidError):
            job.wait()
    job = None
    gc.collect()
    assert watch.reports == []


def test_a_job_that_was_cancelled_or_detached_is_not_reported(watching):
    watch = watching()
    jobs.sleep(60).cancel()
    jobs.ready().detach()
    gc.collect()
    assert watch.reports == []


class Client:
    """What a client object does for detection."""

    def __init__(self):
        self.made, self.served = origin(), 0

    def get(self):
        self.served += 1

    def close(self):
        thrown_away("HTTP client", self.made, served=self.served)


def test_a_client_that_served_one_request_and_was_thrown_away_is_named(watching):
    def fetches():
        client = Client()  # made
        client.get()
        client.close()

    watch = watching()
    fetches()
    report = only(watch, "thrown-away")
    # A client of simul's own would leave itself out of the stack; this one stands in it.
    assert line_of(fetches, "made") in [site.line for site in report.stack]
    assert "HTTP client served one request" in report.what


def test_a_client_that_is_shared_or_was_never_used_is_not_named(watching):
    watch = watching()
    for requests in (0, 2, 100):
        client = Client()
        for _ in range(requests):
            client.get()
        client.close()
    assert watch.reports == []


def test_off_a_client_keeps_nothing():
    assert Client().made is None


def test_what_is_left_at_exit_is_reported_with_the_lines_that_made_it(starting_child):
    child = starting_child(
        """
        import simul
        from simul.testing import jobs
        simul.debug()
        async def lasting():
            await asyncio.Event().wait()
        async def never():
            pass
        async def main():
            global task
            task = asyncio.get_running_loop().create_task(lasting())  # pending
            await asyncio.sleep(0)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        running = jobs.sleep(60)  # running
        detached = jobs.sleep(60).detach()  # detached
        failed = jobs.fail("Invalid", "in vain")  # failed
        while not failed.done():
            jobs.ready().wait()
        held = never()  # held
        lines = open(__file__).read().splitlines()
        say(*[f"{mark}={number}" for number, line in enumerate(lines, 1) for mark in
              ("pending", "running", "detached", "failed", "held") if line.endswith("# " + mark)])
        """
    )
    finished = child.finish()
    assert finished.code == 0, finished.err
    lines = dict(word.split("=") for word in finished.lines[0].split())
    assert len(lines) == 5
    told = finished.err
    for mark, words in {
        "pending": "is still pending",
        "running": "still ran",
        "detached": "still ran",
        "failed": "in vain",
        "held": "was never awaited",
    }.items():
        report = [part for part in told.split("\n") if f":{lines[mark]}" in part]
        assert report, (mark, told)
        assert words in told, told


def test_nothing_left_is_silence(child):
    child(
        """
        import simul
        from simul.testing import jobs
        simul.debug(threshold=3600)
        async def main():
            await asyncio.gather(jobs.ready(1), asyncio.sleep(0))
        asyncio.run(main())
        """
    )
