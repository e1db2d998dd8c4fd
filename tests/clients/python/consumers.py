"""The checks that read what is stored, in the same form as those of checks.py.
Each has a stream or a bucket of its own."""

import nats.errors
import nats.js.errors
from nats.js.api import AckPolicy, ConsumerConfig

from checks import expect
from stored import create_stream, raises, store, stored


def numbers(start, end):
    return [str(i) for i in range(start, end)]


async def fill(world, name, count):
    """Creates a stream with so many messages, whose texts are their numbers from 0."""
    js = await store(world)
    await create_stream(js, name)
    for i in range(count):
        await stored(js, f"{name}.{i % 2}", str(i), i + 1)
    return js


async def progress(js, stream, *want):
    info = await js.consumer_info(stream, "c")
    got = (info.delivered.stream_seq, info.ack_floor.stream_seq, info.num_ack_pending, info.num_pending)
    expect(got, want)


async def fetch_and_acknowledge(world):
    js = await fill(world, "FETCH", 10)
    subscription = await js.pull_subscribe("FETCH.*", durable="c")
    await progress(js, "FETCH", 0, 0, 0, 10)
    got = []
    for message in await subscription.fetch(6, timeout=30):
        got.append(message.data.decode())
        expect(message.metadata.num_pending, 10 - len(got))
        await message.ack_sync(timeout=30)
    expect(got, numbers(0, 6))
    await progress(js, "FETCH", 6, 6, 0, 4)
    rest = await subscription.fetch(4, timeout=30)
    expect([message.data.decode() for message in rest], numbers(6, 10))
    await progress(js, "FETCH", 10, 6, 4, 0)
    await raises(subscription.fetch(1, timeout=0.2), nats.errors.TimeoutError)


async def push_consumer(world):
    js = await fill(world, "PUSH", 50)
    for options in (
        {"durable": "c"},
        {"config": ConsumerConfig(ack_policy=AckPolicy.NONE)},
        {"flow_control": True, "idle_heartbeat": 10},
        {"ordered_consumer": True},
    ):
        subscription = await js.subscribe("PUSH.*", **options)
        got = []
        for _ in range(50):
            message = await subscription.next_msg(timeout=30)
            got.append(message.data.decode())
            if options == {"durable": "c"}:
                await message.ack_sync(timeout=30)
        expect(got, numbers(0, 50))
        await subscription.unsubscribe()
    await progress(js, "PUSH", 50, 50, 0, 0)


async def redelivery(world):
    js = await fill(world, "AGAIN", 2)
    subscription = await js.pull_subscribe("AGAIN.*", durable="c")
    await (await subscription.fetch(1, timeout=30))[0].nak()
    counts = {}
    while len(counts) < 2:  # in which order is up to the server
        for message in await subscription.fetch(1, timeout=30):
            counts[message.data.decode()] = message.metadata.num_delivered
            await message.in_progress()
            await message.ack_sync(timeout=30)
    expect(counts, {"0": 2, "1": 1})
    await progress(js, "AGAIN", 2, 2, 0, 0)


async def consumers_of_a_stream(world):
    js = await fill(world, "MANY", 1)
    for name in ("c", "d"):
        await js.add_consumer("MANY", ConsumerConfig(durable_name=name, ack_policy=AckPolicy.EXPLICIT))
    expect([(info.name, info.num_pending) for info in await js.consumers_info("MANY")], [("c", 1), ("d", 1)])
    expect(await js.delete_consumer("MANY", "d"), True)
    await raises(js.consumer_info("MANY", "d"), nats.js.errors.NotFoundError)
    expect((await js.stream_info("MANY")).state.consumer_count, 1)


async def watch_a_bucket(world):
    js = await store(world)
    kv = await js.create_key_value(bucket="watched", history=5)
    await kv.put("a", b"one")
    await kv.put("b.c", b"two")
    await kv.put("a", b"three")
    watcher = await kv.watchall()

    async def change():
        entry = await watcher.updates(timeout=30)
        return entry and (entry.key, entry.operation, (entry.value or b"").decode())

    got = [await change() for _ in range(3)]
    await kv.put("d", b"four")
    await kv.delete("a")
    got += [await change() for _ in range(2)]
    expect(got, [("b.c", None, "two"), ("a", None, "three"), None, ("d", None, "four"), ("a", "DEL", "")])
    await watcher.stop()
    expect(sorted(await kv.keys()), ["b.c", "d"])
    expect([entry.value for entry in await kv.history("a")][:2], [b"one", b"three"])


async def object_store(world):
    js = await store(world)
    objects = await js.create_object_store("objects")
    content = bytes(i % 251 for i in range(640_000))  # several chunks
    await objects.put("large", content)
    await objects.put("small", "ünïcödé".encode())
    expect((await objects.get("large")).data == content, True)
    expect((await objects.get("small")).data.decode(), "ünïcödé")
    expect(sorted(info.name for info in await objects.list()), ["large", "small"])
    await objects.delete("large")
    await raises(objects.get("large"), nats.js.errors.ObjectNotFoundError)


CONSUMER_CHECKS = {
    "fetch and acknowledge": fetch_and_acknowledge,
    "push consumer": push_consumer,
    "redelivery": redelivery,
    "consumers of a stream": consumers_of_a_stream,
    "watch a bucket": watch_a_bucket,
    "object store": object_store,
}
