"""The checks that need JetStream, in the same form as those of checks.py. Each
has a stream or a bucket of its own."""

import asyncio

import nats.errors
import nats.js.errors
from nats.js.api import StreamConfig

from checks import expect

STREAM_NAME_IN_USE = 10058
STREAM_NOT_MATCH = 10060
SUBJECTS_OVERLAPPING = 10065
WRONG_LAST_MESSAGE_ID = 10070
WRONG_LAST_SEQUENCE = 10071


async def store(world, **options):
    nc = await world.connect(**options)
    return nc.jetstream(timeout=30)


async def create_stream(js, name):
    return await js.add_stream(StreamConfig(name=name, subjects=[f"{name}.>"], allow_direct=True))


async def stored(js, subject, text, seq, **headers):
    """Publishes, and fails unless the message gets this number. Underscores in
    the names of headers stand for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    ack = await js.publish(subject, text.encode(), headers=named or None)
    expect(ack.seq, seq)
    return ack


async def fails(awaitable, code):
    """Fails unless the API answers with an error of this code."""
    try:
        await awaitable
    except nats.js.errors.APIError as error:
        expect(error.err_code, code)
        return
    raise AssertionError("there was no error")


async def raises(awaitable, kind):
    try:
        await awaitable
    except kind:
        return
    raise AssertionError("there was no error")


async def streams(world):
    js = await store(world)
    await create_stream(js, "STREAMS")
    await create_stream(js, "STREAMS")  # once more as it is
    config = (await js.stream_info("STREAMS")).config
    expect(
        (config.retention, config.storage, config.max_msgs, config.num_replicas, config.subjects),
        ("limits", "file", -1, 1, ["STREAMS.>"]),
    )
    await fails(js.add_stream(name="STREAMS", subjects=["other"]), STREAM_NAME_IN_USE)
    await fails(js.add_stream(name="OVERLAP", subjects=["STREAMS.a"]), SUBJECTS_OVERLAPPING)
    expect((await js.update_stream(config, max_msgs=7)).config.max_msgs, 7)
    expect(await js.delete_stream("STREAMS"), True)
    await raises(js.stream_info("STREAMS"), nats.js.errors.NotFoundError)


async def stored_messages(world):
    js = await store(world)
    await create_stream(js, "MESSAGES")
    ack = await stored(js, "MESSAGES.a", "first", 1)
    expect((ack.stream, bool(ack.duplicate)), ("MESSAGES", False))
    await stored(js, "MESSAGES.b", "ünïcödé", 2, Colour="blue")
    await stored(js, "MESSAGES.a", "", 3)
    for direct in (False, True):
        second = await js.get_msg("MESSAGES", 2, direct=direct)
        expect((second.subject, second.data.decode(), second.seq), ("MESSAGES.b", "ünïcödé", 2))
        expect(second.headers["Colour"], "blue")
        last = await js.get_msg("MESSAGES", subject="MESSAGES.a", direct=direct)
        expect((last.seq, last.data or b""), (3, b""))
        await raises(js.get_msg("MESSAGES", 4, direct=direct), nats.js.errors.NotFoundError)
    await raises(js.publish("nobody.stores.this", b""), nats.js.errors.NoStreamResponseError)


async def duplicates(world):
    js = await store(world)
    await create_stream(js, "DUPLICATES")
    await stored(js, "DUPLICATES.a", "one", 1, Nats_Msg_Id="1")
    await stored(js, "DUPLICATES.a", "two", 2, Nats_Msg_Id="2")
    ack = await stored(js, "DUPLICATES.a", "one again", 1, Nats_Msg_Id="1")
    expect(ack.duplicate, True)
    await stored(js, "DUPLICATES.a", "three", 3)


async def expectations(world):
    js = await store(world)
    await create_stream(js, "EXPECT")
    await stored(js, "EXPECT.a", "one", 1, Nats_Msg_Id="1", Nats_Expected_Last_Sequence="0")
    await stored(
        js,
        "EXPECT.b",
        "two",
        2,
        Nats_Msg_Id="2",
        Nats_Expected_Stream="EXPECT",
        Nats_Expected_Last_Sequence="1",
        Nats_Expected_Last_Msg_Id="1",
        Nats_Expected_Last_Subject_Sequence="0",
    )
    for header, value, code in (
        ("Nats-Expected-Stream", "OTHER", STREAM_NOT_MATCH),
        ("Nats-Expected-Last-Sequence", "1", WRONG_LAST_SEQUENCE),
        ("Nats-Expected-Last-Subject-Sequence", "2", WRONG_LAST_SEQUENCE),
        ("Nats-Expected-Last-Msg-Id", "1", WRONG_LAST_MESSAGE_ID),
    ):
        await fails(js.publish("EXPECT.a", b"", headers={header: value}), code)
    await stored(js, "EXPECT.a", "three", 3, Nats_Expected_Last_Subject_Sequence="1")


async def removal(world):
    js = await store(world)
    await create_stream(js, "REMOVAL")
    for i in range(10):
        await stored(js, f"REMOVAL.{i % 2}", str(i), i + 1)

    async def state(*want):
        state = (await js.stream_info("REMOVAL")).state
        expect((state.messages, state.first_seq, state.last_seq, state.num_deleted or 0), want)

    for seq in (4, 6):
        expect(await js.delete_msg("REMOVAL", seq), True)
    await raises(js.get_msg("REMOVAL", 6), nats.js.errors.NotFoundError)
    await state(8, 1, 10, 2)
    await js.purge_stream("REMOVAL", seq=3)
    await state(6, 3, 10, 2)
    await js.purge_stream("REMOVAL", subject="REMOVAL.1")
    await state(4, 3, 10, 4)
    await js.purge_stream("REMOVAL")
    await state(0, 11, 10, 0)
    await stored(js, "REMOVAL.0", "new", 11)


async def crash(world):
    """Kills the server: what was acknowledged is there, and is still known."""
    reconnected = asyncio.Event()

    async def on_reconnect():
        reconnected.set()

    js = await store(world, reconnected_cb=on_reconnect)
    await create_stream(js, "CRASH")
    for i in range(100):
        await stored(js, "CRASH.a", str(i), i + 1, Nats_Msg_Id=str(i))
    await world.please("restart")
    await reconnected.wait()
    for i in (0, 50, 99):
        expect((await js.get_msg("CRASH", i + 1)).data, str(i).encode())
    ack = await stored(js, "CRASH.a", "99", 100, Nats_Msg_Id="99")
    expect(ack.duplicate, True)
    await stored(js, "CRASH.a", "100", 101)


async def bucket(world, name):
    return await (await store(world)).create_key_value(bucket=name, history=5)


async def buckets(world):
    js = await store(world)
    await raises(js.key_value("buckets"), nats.js.errors.BucketNotFoundError)
    await js.create_key_value(bucket="buckets", history=5)
    await js.key_value("buckets")
    expect(await js.delete_key_value("buckets"), True)
    await raises(js.key_value("buckets"), nats.js.errors.BucketNotFoundError)


async def has(kv, key, value, revision):
    entry = await kv.get(key)
    expect((entry.key, (entry.value or b"").decode(), entry.revision), (key, value, revision))


async def put_and_get(world):
    kv = await bucket(world, "values")
    expect(await kv.put("a", b"one"), 1)
    expect(await kv.put("b.c", "ünïcödé".encode()), 2)
    expect(await kv.put("a", b""), 3)
    await has(kv, "a", "", 3)
    await has(kv, "b.c", "ünïcödé", 2)
    await raises(kv.get("c"), nats.js.errors.KeyNotFoundError)
    expect((await kv.get("a", revision=1)).value, b"one")
    await raises(kv.get("a", revision=2), nats.js.errors.KeyNotFoundError)


async def revisions(world):
    kv = await bucket(world, "revisions")
    expect(await kv.put("a", b"one"), 1)
    expect(await kv.update("a", b"two", last=1), 2)
    await raises(kv.update("a", b"three", last=1), nats.js.errors.KeyWrongLastSequenceError)
    await has(kv, "a", "two", 2)


async def create_a_key(world):
    kv = await bucket(world, "creation")
    expect(await kv.create("a", b"one"), 1)
    await raises(kv.create("a", b"two"), nats.js.errors.KeyWrongLastSequenceError)
    await kv.delete("a")
    expect(await kv.create("a", b"three"), 3)


async def delete_and_purge_a_key(world):
    kv = await bucket(world, "removal")
    await kv.put("a", b"one")
    await kv.put("a", b"two")
    await kv.put("b", b"kept")
    await kv.delete("a")
    await raises(kv.get("a"), nats.js.errors.KeyNotFoundError)
    expect((await kv.get("a", revision=2)).value, b"two")
    await fails(kv.delete("a", last=2), WRONG_LAST_SEQUENCE)
    await kv.purge("a")
    for revision in (1, 2):
        await raises(kv.get("a", revision=revision), nats.js.errors.KeyNotFoundError)
    await has(kv, "b", "kept", 3)


async def state_of_a_bucket(world):
    kv = await bucket(world, "state")
    for i in range(7):
        expect(await kv.put("a", str(i).encode()), i + 1)
    await kv.put("b", b"x")
    status = await kv.status()
    expect((status.bucket, status.values, status.history), ("state", 6, 5))
    await raises(kv.get("a", revision=2), nats.js.errors.KeyNotFoundError)
    expect((await kv.get("a", revision=3)).value, b"2")


STORE_CHECKS = {
    "streams": streams,
    "stored messages": stored_messages,
    "duplicates": duplicates,
    "expectations": expectations,
    "removal": removal,
    "crash": crash,
    "buckets": buckets,
    "put and get": put_and_get,
    "revisions": revisions,
    "create a key": create_a_key,
    "delete and purge a key": delete_and_purge_a_key,
    "state of a bucket": state_of_a_bucket,
}
