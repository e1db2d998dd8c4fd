"""Runs the NATS library for Python through the checks.

    python3 main.py URL [FOLDER]

What it prints, and what it may ask for on the way, is told in
../programs_test.go.
"""

import asyncio
import pathlib
import ssl
import sys

import nats

from checks import CHECKS
from consumers import CONSUMER_CHECKS
from stored import STORE_CHECKS

PATIENCE_SECONDS = 60


class World:
    """What a check gets: connections that are closed when the check ends, and a
    say in the server's life."""

    def __init__(self, url, tls, identity):
        self._url = url
        self._tls = tls
        self._identity = identity
        self._connections = []

    async def connect(self, **options):
        connection = await nats.connect(
            self._url,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.05,
            error_cb=ignore,
            tls=self._tls,
            **self._identity,
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


def tls_of(folder):
    context = ssl.create_default_context(cafile=f"{folder}/ca.pem")
    context.load_cert_chain(f"{folder}/client.pem", f"{folder}/client.key")
    return context


def identity_of(folder):
    """What the folder has to say who one is."""
    password = pathlib.Path(folder, "password.txt")
    return {"user": "shop", "password": password.read_text()} if password.exists() else {}


async def main(url, folder=None):
    failed = False
    tls = tls_of(folder) if folder else None
    identity = identity_of(folder) if folder else {}
    for name, check in (CHECKS if folder else {**CHECKS, **STORE_CHECKS, **CONSUMER_CHECKS}).items():
        world = World(url, tls, identity)
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
    sys.exit(asyncio.run(main(*sys.argv[1:])))
