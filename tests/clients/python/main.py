"""Runs the NATS library for Python through the checks.

    python3 main.py URL

What it prints, and what it may ask for on the way, is told in
../programs_test.go.
"""

import asyncio
import sys

import nats

from checks import CHECKS
from stored import STORE_CHECKS

PATIENCE_SECONDS = 60


class World:
    """What a check gets: connections that are closed when the check ends, and a
    say in the server's life."""

    def __init__(self, url):
        self._url = url
        self._connections = []

    async def connect(self, **options):
        connection = await nats.connect(
            self._url,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.05,
            error_cb=ignore,
            **options,
        )
        self._connections.append(connection)
        return connection

    async def please(self, wish):
        print("please", wish, flush=True)
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(None, sys.stdin.readline)
        if answer != "done\n":
            raise AssertionError(f"asked for {wish}, got {answer!r}")

    async def close(self):
        for connection in self._connections:
            await connection.close()


async def ignore(_error):
    """The library reports the loss of the connection as an error too."""


async def main(url):
    failed = False
    for name, check in {**CHECKS, **STORE_CHECKS}.items():
        world = World(url)
        try:
            await asyncio.wait_for(check(world), PATIENCE_SECONDS)
            print("ok", name, flush=True)
        except Exception as error:  # whatever goes wrong is what is reported
            failed = True
            why = f"{type(error).__name__} {error}".replace("\n", " ")
            print(f"not ok {name}: {why}", flush=True)
        await world.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
