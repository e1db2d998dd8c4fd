// The checks that read what is stored, in the same form as those of checks.mjs.
// Each has a stream or a bucket of its own.

import assert from "node:assert/strict";
import { fails, store, stored } from "./stored.mjs";

const consumerNotFound = 10014;

function numbers(from, to) {
  return Array.from({ length: to - from }, (_, i) => String(from + i));
}

// fill creates a stream with so many messages, whose texts are their numbers
// from 0, and a consumer of them all.
async function fill(world, name, count, config = {}) {
  const all = await store(world);
  await all.createStream(name);
  for (let i = 0; i < count; i++) {
    await stored(all.js, `${name}.${i % 2}`, String(i), i + 1);
  }
  await all.jsm.consumers.add(name, { durable_name: "c", ack_policy: "explicit", ...config });
  return { ...all, consumer: await all.js.consumers.get(name, "c") };
}

async function progress(consumer, ...want) {
  const { delivered, ack_floor, num_ack_pending, num_pending } = await consumer.info();
  assert.deepEqual([delivered.stream_seq, ack_floor.stream_seq, num_ack_pending, num_pending], want);
}

async function fetchAndAcknowledge(world) {
  const { consumer } = await fill(world, "FETCH", 10);
  await progress(consumer, 0, 0, 0, 10);
  const got = [];
  for await (const message of await consumer.fetch({ max_messages: 6, expires: 30_000 })) {
    got.push(message.string());
    assert.deepEqual([message.info.pending, message.info.deliveryCount], [10 - got.length, 1]);
    assert.ok(await message.ackAck());
  }
  assert.deepEqual(got, numbers(0, 6));
  await progress(consumer, 6, 6, 0, 4);
  const next = await consumer.next({ expires: 30_000 });
  assert.equal(next.string(), "6");
  await progress(consumer, 7, 6, 1, 3);
}

async function consume(world) {
  const count = 1_000;
  const { js, consumer } = await fill(world, "CONSUME", 0);
  const publishing = (async () => {
    for (const number of numbers(0, count)) {
      await js.publish("CONSUME.a", number);
    }
  })();
  const got = [];
  const messages = await consumer.consume({ max_messages: 100 });
  for await (const message of messages) {
    got.push(message.string());
    message.ack();
    if (got.length === count) {
      break;
    }
  }
  await publishing;
  assert.deepEqual(got, numbers(0, count));
}

async function redelivery(world) {
  const { consumer } = await fill(world, "AGAIN", 2);
  (await consumer.next({ expires: 30_000 })).nak();
  const counts = {};
  for (const _ of [1, 2]) { // in which order is up to the server
    const message = await consumer.next({ expires: 30_000 });
    counts[message.string()] = message.info.deliveryCount;
    message.working();
    assert.ok(await message.ackAck());
  }
  assert.deepEqual(counts, { 0: 2, 1: 1 });
  await progress(consumer, 2, 2, 0, 0);
}

async function orderedConsumer(world) {
  const { js } = await fill(world, "ORDER", 300);
  const got = [];
  for await (const message of await (await js.consumers.get("ORDER")).consume()) {
    got.push(message.string());
    if (got.length === 300) {
      break;
    }
  }
  assert.deepEqual(got, numbers(0, 300));
}

async function consumersOfStream(world) {
  const { jsm } = await fill(world, "MANY", 1);
  await jsm.consumers.add("MANY", { durable_name: "d", filter_subject: "MANY.0", deliver_policy: "new" });
  const infos = await jsm.consumers.list("MANY").next();
  assert.deepEqual(infos.map((info) => [info.name, info.num_pending]), [["c", 1], ["d", 0]]);
  assert.ok(await jsm.consumers.delete("MANY", "d"));
  await fails(world, jsm.consumers.info("MANY", "d"), consumerNotFound);
  assert.equal((await jsm.streams.info("MANY")).state.consumer_count, 1);
}

// changes shows so many entries of an iterator.
async function changes(iterator, count) {
  const got = [];
  for await (const entry of iterator) {
    got.push(`${entry.key} ${entry.operation} ${entry.string()}`);
    if (got.length === count) {
      break;
    }
  }
  return got;
}

async function watchBucket(world) {
  const { bucket } = await store(world);
  const kv = await bucket("watched", { history: 5 });
  await kv.put("a", "one");
  await kv.put("b.c", "two");
  await kv.put("a", "three");
  const watching = changes(await kv.watch(), 4);
  await kv.put("d", "four");
  await kv.delete("a");
  assert.deepEqual((await watching).slice(0, 1), ["b.c PUT two"]);
  const keys = [];
  for await (const key of await kv.keys()) {
    keys.push(key);
  }
  assert.deepEqual(keys.sort(), ["b.c", "d"]);
  assert.deepEqual(await changes(await kv.history({ key: "a" }), 3), ["a PUT one", "a PUT three", "a DEL "]);
}

async function objectStore(world) {
  const { objects } = await store(world);
  const bucket = await objects("objects");
  const content = new Uint8Array(640_000).map((_, i) => i % 251); // several chunks
  await bucket.putBlob({ name: "large" }, content);
  await bucket.putBlob({ name: "small" }, new TextEncoder().encode("ünïcödé"));
  assert.deepEqual(Buffer.from(await bucket.getBlob("large")), Buffer.from(content));
  assert.equal(new TextDecoder().decode(await bucket.getBlob("small")), "ünïcödé");
  assert.deepEqual((await bucket.list()).map((info) => info.name).sort(), ["large", "small"]);
  await bucket.delete("large");
  assert.equal(await bucket.getBlob("large"), null);
}

export const consumerChecks = {
  "fetch and acknowledge": fetchAndAcknowledge,
  "consume": consume,
  "redelivery": redelivery,
  "ordered consumer": orderedConsumer,
  "consumers of a stream": consumersOfStream,
  "watch a bucket": watchBucket,
  "object store": objectStore,
};
