// The checks, each a function of a world (see main.mjs) that throws if the
// server does not do what it should.

import assert from "node:assert/strict";

// collect gathers the messages of a subscription as text until there are count.
async function collect(subscription, count) {
  const texts = [];
  for await (const message of subscription) {
    texts.push(message.string());
    if (texts.length === count) {
      break;
    }
  }
  return texts;
}

async function throws(promiseOrFunction, isExpected) {
  try {
    await (typeof promiseOrFunction === "function" ? promiseOrFunction() : promiseOrFunction);
  } catch (error) {
    assert.ok(isExpected(error), `the error is ${error.name} ${error.code}: ${error.message}`);
    return;
  }
  assert.fail("there was no error");
}

// statusOf waits for an event of the connection.
export async function statusOf(connection, type) {
  for await (const status of connection.status()) {
    if (status.type === type) {
      return;
    }
  }
  assert.fail(`the connection ended without ${type}`);
}

function numbers(count) {
  return Array.from({ length: count }, (_, i) => String(i));
}

async function publishAndSubscribe(world) {
  const [a, b] = [await world.connect(), await world.connect()];
  const subscriptions = [a.subscribe("news"), b.subscribe("news")];
  await a.flush();
  await b.flush();
  a.publish("news", "hello");
  a.publish("news", new Uint8Array());
  a.publish("news", "ünïcödé");
  for (const subscription of subscriptions) {
    assert.deepEqual(await collect(subscription, 3), ["hello", "", "ünïcödé"]);
  }
}

async function wildcards(world) {
  const nc = await world.connect();
  const one = nc.subscribe("w.*.z");
  const rest = nc.subscribe("w.>");
  for (const subject of ["w.a.z", "w.z", "w.a.b.z", "v.a.z", "w.b.z"]) {
    nc.publish(subject, subject);
  }
  assert.deepEqual(await collect(one, 2), ["w.a.z", "w.b.z"]);
  assert.deepEqual(await collect(rest, 4), ["w.a.z", "w.z", "w.a.b.z", "w.b.z"]);
}

async function queueGroups(world) {
  const members = 4;
  const messages = 2_000;
  const counts = Array(members).fill(0);
  const seen = new Set();
  let all;
  const done = new Promise((resolve) => (all = resolve));
  for (let i = 0; i < members; i++) {
    const nc = await world.connect();
    nc.subscribe("work", {
      queue: "workers",
      callback: (_, message) => {
        counts[i]++;
        assert.ok(!seen.has(message.string()), `message ${message.string()} came twice`);
        seen.add(message.string());
        if (seen.size === messages) {
          all();
        }
      },
    });
    await nc.flush();
  }
  const publisher = await world.connect();
  for (const number of numbers(messages)) {
    publisher.publish("work", number);
  }
  await done;
  assert.equal(counts.reduce((a, b) => a + b), messages);
  assert.ok(Math.min(...counts) > messages / members / 2, `the shares are ${counts}`);
}

async function requestAndReply(world) {
  const [client, service] = [await world.connect(), await world.connect()];
  service.subscribe("double", {
    callback: (_, message) => message.respond(message.string() + message.string()),
  });
  await service.flush();
  const reply = await client.request("double", "ab", { timeout: 30_000 });
  assert.equal(reply.string(), "abab");
}

async function parallelRequests(world) {
  const [client, service] = [await world.connect(), await world.connect()];
  service.subscribe("square", {
    queue: "squarers",
    callback: (_, message) => message.respond(String(Number(message.string()) ** 2)),
  });
  await service.flush();
  const replies = await Promise.all(
    numbers(1_000).map((number) => client.request("square", number, { timeout: 30_000 })),
  );
  replies.forEach((reply, i) => assert.equal(reply.string(), String(i ** 2)));
}

async function noResponders(world) {
  const nc = await world.connect();
  await throws(nc.request("nobody.home", "hello?", { timeout: 30_000 }), world.library.isNoResponders);
}

async function headers(world) {
  const [client, service] = [await world.connect(), await world.connect()];
  service.subscribe("echo", {
    callback: (_, message) => message.respond(message.data, { headers: message.headers }),
  });
  await service.flush();
  const sent = world.library.headers();
  sent.append("Colour", "blue");
  sent.append("Colour", "green");
  sent.set("x-empty", "");
  const reply = await client.request("echo", "body", { timeout: 30_000, headers: sent });
  assert.equal(reply.string(), "body");
  assert.deepEqual(reply.headers.values("Colour"), ["blue", "green"]);
  assert.ok(reply.headers.has("x-empty"));
}

async function unsubscribeAfter(world) {
  const nc = await world.connect();
  const subscription = nc.subscribe("limited", { max: 3 });
  const other = nc.subscribe("limited");
  for (const number of numbers(5)) {
    nc.publish("limited", number);
  }
  assert.deepEqual(await collect(subscription, -1), ["0", "1", "2"]);
  assert.deepEqual(await collect(other, 5), numbers(5));
}

async function echoOff(world) {
  const [quiet, other] = [await world.connect({ noEcho: true }), await world.connect()];
  const own = quiet.subscribe("chat");
  const others = other.subscribe("chat");
  await quiet.flush();
  await other.flush();
  quiet.publish("chat", "mine");
  await quiet.flush();
  other.publish("chat", "yours");
  assert.deepEqual(await collect(own, 1), ["yours"]);
  assert.deepEqual(await collect(others, 2), ["mine", "yours"]);
}

async function largestPayload(world) {
  const nc = await world.connect();
  const size = nc.info.max_payload;
  const payload = new Uint8Array(size).map((_, i) => i * 31);
  const subscription = nc.subscribe("large", { max: 1 });
  nc.publish("large", payload);
  for await (const message of subscription) {
    assert.ok(Buffer.from(message.data).equals(Buffer.from(payload)), "the payload changed");
  }
  await throws(async () => nc.publish("large", new Uint8Array(size + 1)), world.library.isTooLarge);
}

async function order(world) {
  const count = 100_000;
  const [publisher, subscriber] = [await world.connect(), await world.connect()];
  const subscription = subscriber.subscribe("order");
  await subscriber.flush();
  const received = collect(subscription, count);
  for (const number of numbers(count)) {
    publisher.publish("order", number);
  }
  await publisher.flush();
  assert.deepEqual(await received, numbers(count));
}

async function drainSubscription(world) {
  const nc = await world.connect();
  const subscription = nc.subscribe("drain");
  for (const number of numbers(100)) {
    nc.publish("drain", number);
  }
  const drained = subscription.drain();
  nc.publish("drain", "too late");
  assert.deepEqual(await collect(subscription, -1), numbers(100));
  await drained;
}

async function drainConnection(world) {
  const [leaving, staying] = [await world.connect(), await world.connect()];
  const own = leaving.subscribe("drain");
  const others = staying.subscribe("drain");
  await staying.flush();
  for (const number of numbers(100)) {
    leaving.publish("drain", number);
  }
  const received = collect(own, -1);
  await leaving.drain();
  assert.ok(leaving.isClosed());
  assert.deepEqual(await received, numbers(100));
  assert.deepEqual(await collect(others, 100), numbers(100));
}

async function reconnect(world) {
  const nc = await world.connect();
  const subscription = nc.subscribe("still.here", { max: 2 });
  nc.publish("still.here", "before");
  await nc.flush();
  const reconnected = statusOf(nc, "reconnect");
  await world.please("restart");
  await reconnected;
  nc.publish("still.here", "after");
  assert.deepEqual(await collect(subscription, -1), ["before", "after"]);
}

async function lameDuck(world) {
  const nc = await world.connect();
  const subscription = nc.subscribe("still.here", { max: 1 });
  await nc.flush();
  const told = statusOf(nc, "ldm");
  const reconnected = statusOf(nc, "reconnect");
  await world.please("retire");
  await told;
  await reconnected;
  nc.publish("still.here", "after");
  assert.deepEqual(await collect(subscription, -1), ["after"]);
}

async function roundTrip(world) {
  const nc = await world.connect({ name: "round trip" });
  assert.ok((await nc.rtt()) >= 0);
  assert.match(nc.info.version, /^2\.15\./);
}

export const checks = {
  "publish and subscribe": publishAndSubscribe,
  "wildcards": wildcards,
  "queue groups": queueGroups,
  "request and reply": requestAndReply,
  "parallel requests": parallelRequests,
  "no responders": noResponders,
  "headers": headers,
  "unsubscribe after": unsubscribeAfter,
  "echo off": echoOff,
  "largest payload": largestPayload,
  "order": order,
  "drain a subscription": drainSubscription,
  "drain a connection": drainConnection,
  "reconnect": reconnect,
  "lame duck": lameDuck,
  "round trip": roundTrip,
};
