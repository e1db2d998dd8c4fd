"""The checks, each a coroutine of a world (see main.py) that raises if the
server does not do what it should."""

import asyncio

import nats.errors


async def collect(subscription, count):
    """Returns the payloads of so many messages as text."""
    return [(await subscription.next_msg(timeout=30)).data.decode() for _ in range(count)]


def expect(got, want):
    if got != want:
        raise AssertionError(f"got {str(got)[:200]} instead of {str(want)[:200]}")


async def settle(nc):
    """Waits until the server has taken in all that was sent before.

    One flush is not enough: this library writes the PING of a flush ahead of
    what is still in its buffer, which it writes before the PONG arrives."""
    await nc.flush()
    await nc.flush()


def numbers(count):
    return [str(i) for i in range(count)]


async def publish_and_subscribe(world):
    a, b = await world.connect(), await world.connect()
    subscriptions = [await a.subscribe("news"), await b.subscribe("news")]
    await settle(a)
    await settle(b)
    for text in ["hello", "", "ünïcödé"]:
        await a.publish("news", text.encode())
    for subscription in subscriptions:
        expect(await collect(subscription, 3), ["hello", "", "ünïcödé"])


async def wildcards(world):
    nc = await world.connect()
    one = await nc.subscribe("w.*.z")
    rest = await nc.subscribe("w.>")
    for subject in ["w.a.z", "w.z", "w.a.b.z", "v.a.z", "w.b.z"]:
        await nc.publish(subject, subject.encode())
    expect(await collect(one, 2), ["w.a.z", "w.b.z"])
    expect(await collect(rest, 4), ["w.a.z", "w.z", "w.a.b.z", "w.b.z"])


async def queue_groups(world):
    members, messages = 4, 2_000
    shares = [[] for _ in range(members)]
    done = asyncio.Event()

    def member(share):
        async def take(message):
            share.append(message.data.decode())
            if sum(map(len, shares)) == messages:
                done.set()

        return take

    for share in shares:
        nc = await world.connect()
        await nc.subscribe("work", queue="workers", cb=member(share))
        await settle(nc)
    publisher = await world.connect()
    for number in numbers(messages):
        await publisher.publish("work", number.encode())
    await settle(publisher)
    await done.wait()
    expect(sorted(sum(shares, []), key=int), numbers(messages))
    if min(map(len, shares)) < messages / members / 2:
        raise AssertionError(f"the shares are {[len(share) for share in shares]}")


async def request_and_reply(world):
    client, service = await world.connect(), await world.connect()

    async def double(message):
        await message.respond(message.data * 2)

    await service.subscribe("double", cb=double)
    await settle(service)
    reply = await client.request("double", b"ab", timeout=30)
    expect(reply.data, b"abab")


async def parallel_requests(world):
    client, service = await world.connect(), await world.connect()

    async def square(message):
        await message.respond(str(int(message.data) ** 2).encode())

    await service.subscribe("square", queue="squarers", cb=square)
    await settle(service)
    replies = await asyncio.gather(
        *(client.request("square", number.encode(), timeout=30) for number in numbers(1_000))
    )
    expect([int(reply.data) for reply in replies], [i**2 for i in range(1_000)])


async def no_responders(world):
    nc = await world.connect()
    try:
        await nc.request("nobody.home", b"hello?", timeout=30)
    except nats.errors.NoRespondersError:
        return
    raise AssertionError("there was no error")


async def headers(world):
    client, service = await world.connect(), await world.connect()

    async def echo(message):
        await service.publish(message.reply, message.data, headers=message.headers)

    await service.subscribe("echo", cb=echo)
    await settle(service)
    sent = {"Colour": "blue", "x-lower-case": "kept"}
    reply = await client.request("echo", b"body", timeout=30, headers=sent)
    expect(reply.data, b"body")
    expect(reply.headers, sent)


async def unsubscribe_after(world):
    nc = await world.connect()
    got = []

    async def take(message):
        got.append(message.data.decode())

    subscription = await nc.subscribe("limited", cb=take)
    await subscription.unsubscribe(limit=3)
    other = await nc.subscribe("limited")
    for number in numbers(5):
        await nc.publish("limited", number.encode())
    expect(await collect(other, 5), numbers(5))
    await settle(nc)
    expect(got, numbers(3))


async def echo_off(world):
    quiet, other = await world.connect(no_echo=True), await world.connect()
    own = await quiet.subscribe("chat")
    others = await other.subscribe("chat")
    await settle(quiet)
    await settle(other)
    await quiet.publish("chat", b"mine")
    await settle(quiet)
    await other.publish("chat", b"yours")
    expect(await collect(own, 1), ["yours"])
    expect(await collect(others, 2), ["mine", "yours"])


async def largest_payload(world):
    nc = await world.connect()
    size = nc.max_payload
    payload = bytes(i * 31 % 256 for i in range(size))
    subscription = await nc.subscribe("large")
    await nc.publish("large", payload)
    message = await subscription.next_msg(timeout=30)
    if message.data != payload:
        raise AssertionError("the payload changed")
    try:
        await nc.publish("large", payload + b"x")
    except nats.errors.MaxPayloadError:
        return
    raise AssertionError("there was no error")


async def order(world):
    count = 100_000
    publisher, subscriber = await world.connect(), await world.connect()
    got, done = [], asyncio.Event()

    async def take(message):
        got.append(int(message.data))
        if len(got) == count:
            done.set()

    await subscriber.subscribe("order", cb=take, pending_msgs_limit=-1, pending_bytes_limit=-1)
    await settle(subscriber)
    for number in numbers(count):
        await publisher.publish("order", number.encode())
    await settle(publisher)
    await done.wait()
    expect(got, list(range(count)))


async def drain_a_subscription(world):
    nc = await world.connect()
    got = []

    async def take(message):
        got.append(message.data.decode())

    subscription = await nc.subscribe("drain", cb=take)
    for number in numbers(100):
        await nc.publish("drain", number.encode())
    # This library drains a subscription ahead of what is still in its buffer.
    await settle(nc)
    await subscription.drain()
    await nc.publish("drain", b"too late")
    await settle(nc)
    expect(got, numbers(100))


async def drain_a_connection(world):
    leaving, staying = await world.connect(), await world.connect()
    got = []

    async def take(message):
        got.append(message.data.decode())

    await leaving.subscribe("drain", cb=take)
    others = await staying.subscribe("drain")
    await settle(staying)
    for number in numbers(100):
        await leaving.publish("drain", number.encode())
    await leaving.drain()
    expect(leaving.is_closed, True)
    expect(got, numbers(100))
    expect(await collect(others, 100), numbers(100))


async def reconnect(world):
    reconnected = asyncio.Event()

    async def on_reconnect():
        reconnected.set()

    nc = await world.connect(reconnected_cb=on_reconnect)
    subscription = await nc.subscribe("still.here")
    await nc.publish("still.here", b"before")
    await settle(nc)
    await world.please("restart")
    await reconnected.wait()
    await nc.publish("still.here", b"after")
    expect(await collect(subscription, 2), ["before", "after"])


async def lame_duck(world):
    told, reconnected = asyncio.Event(), asyncio.Event()

    async def on_lame_duck():
        told.set()

    async def on_reconnect():
        reconnected.set()

    nc = await world.connect(reconnected_cb=on_reconnect, lame_duck_mode_cb=on_lame_duck)
    subscription = await nc.subscribe("still.here")
    await settle(nc)
    await world.please("retire")
    await told.wait()
    await reconnected.wait()
    await nc.publish("still.here", b"after")
    expect(await collect(subscription, 1), ["after"])


async def round_trip(world):
    nc = await world.connect(name="round trip")
    await settle(nc)
    version = nc.connected_server_version
    expect((version.major, version.minor), (2, 15))


CHECKS = {
    "publish and subscribe": publish_and_subscribe,
    "wildcards": wildcards,
    "queue groups": queue_groups,
    "request and reply": request_and_reply,
    "parallel requests": parallel_requests,
    "no responders": no_responders,
    "headers": headers,
    "unsubscribe after": unsubscribe_after,
    "echo off": echo_off,
    "largest payload": largest_payload,
    "order": order,
    "drain a subscription": drain_a_subscription,
    "drain a connection": drain_a_connection,
    "reconnect": reconnect,
    "lame duck": lame_duck,
    "round trip": round_trip,
}
