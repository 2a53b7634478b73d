#!/usr/bin/env python3
"""Drains no-op jobs with another queue: peers.py pgqueuer|procrastinate URL JOBS BATCH PROCESSES

Prints lines `name value`, as the measuring program does. BATCH is pgqueuer's batch size and procrastinate's concurrency.
"""
import asyncio
import multiprocessing
import sys
import time

SLICE = 5000


class PgQueuer:
    """https://janbjorge.github.io/pgqueuer/: asyncpg is its fastest driver; it keeps no results."""

    async def install(self, url):
        import asyncpg
        from pgqueuer.db import AsyncpgDriver
        from pgqueuer.queries import Queries

        connection = await asyncpg.connect(url)
        queries = Queries(AsyncpgDriver(connection))
        if await queries.schema_is_installed():
            await queries.uninstall()
        await queries.install()
        await connection.close()

    async def fill(self, url, jobs):
        import asyncpg
        from pgqueuer.db import AsyncpgDriver
        from pgqueuer.queries import Queries

        connection = await asyncpg.connect(url)
        queries = Queries(AsyncpgDriver(connection))
        for start in range(0, jobs, SLICE):
            count = min(SLICE, jobs - start)
            payloads = [b'{"n": %d}' % n for n in range(start, start + count)]
            await queries.enqueue(["noop"] * count, payloads, [0] * count)
        await connection.close()

    async def drain(self, url, batch):
        import asyncpg
        from pgqueuer import PgQueuer as Queue
        from pgqueuer.db import AsyncpgPoolDriver
        from pgqueuer.types import QueueExecutionMode

        done = 0
        async with asyncpg.create_pool(url, min_size=4, max_size=8) as pool:
            queue = Queue(AsyncpgPoolDriver(pool))

            @queue.entrypoint("noop")
            async def noop(job):
                nonlocal done
                done += 1

            await queue.run(batch_size=batch, mode=QueueExecutionMode.drain)
        return done


class Procrastinate:
    """https://procrastinate.readthedocs.io/: it keeps no results."""

    def app(self, url):
        import procrastinate

        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, min_size=4, max_size=20))
        counter = {"done": 0}

        @app.task(name="noop")
        async def noop(n):
            counter["done"] += 1

        return app, noop, counter

    async def install(self, url):
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        app, _, _ = self.app(url)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    async def fill(self, url, jobs):
        app, noop, _ = self.app(url)
        async with app.open_async():
            for start in range(0, jobs, SLICE):
                await noop.batch_defer_async(*[{"n": n} for n in range(start, min(start + SLICE, jobs))])

    async def drain(self, url, batch):
        app, _, counter = self.app(url)
        async with app.open_async():
            await app.run_worker_async(concurrency=batch, wait=False, listen_notify=False, install_signal_handlers=False)
        return counter["done"]


def run(coroutine):
    import uvloop

    return uvloop.run(coroutine)


def work(peer, url, batch, barrier, ends):
    barrier.wait()
    start = time.monotonic()
    done = run(peer.drain(url, batch))
    ends.put((start, time.monotonic(), done))


def main():
    name, url, jobs, batch, processes = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
    peer = {"pgqueuer": PgQueuer, "procrastinate": Procrastinate}[name]()
    run(peer.install(url))
    start = time.monotonic()
    run(peer.fill(url, jobs))
    print(f"{name}_enqueued_per_second {jobs / (time.monotonic() - start):.3f}")

    context = multiprocessing.get_context("spawn")
    barrier, ends = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=work, args=(peer, url, batch, barrier, ends)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    results = [ends.get() for _ in workers]
    for worker in workers:
        worker.join()
    starts, stops, done = zip(*results)
    if sum(done) != jobs:
        sys.exit(f"{name} ran {sum(done)} of {jobs} jobs")
    print(f"{name}_{batch}_{processes}_per_second {jobs / (max(stops) - min(starts)):.3f}")


if __name__ == "__main__":
    main()
