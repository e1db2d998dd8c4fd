// The checks that need JetStream, in the same form as those of checks.mjs. Each
// has a stream or a bucket of its own.

import assert from "node:assert/strict";
import { statusOf } from "./checks.mjs";

// What the two libraries call by other names stands in libraries.mjs: stores
// gives { js, jsm, bucket, openBucket, objects }, and codeOf the API's code in an error.

const messageNotFound = 10037;
const streamNameInUse = 10058;
const streamNotFound = 10059;
const streamNotMatch = 10060;
const subjectsOverlapping = 10065;
const wrongLastMessageID = 10070;
const wrongLastSequence = 10071;

export async function store(world) {
  const nc = await world.connect();
  const { js, jsm, ...rest } = await world.library.stores(nc);
  const createStream = (name) =>
    jsm.streams.add({ name, subjects: [`${name}.>`], allow_direct: true });
  return { nc, js, jsm, createStream, ...rest };
}

// stored publishes, and fails unless the message gets this number.
export async function stored(js, subject, text, seq, options = {}) {
  const ack = await js.publish(subject, text, options);
  assert.equal(ack.seq, seq);
  return ack;
}

export async function fails(world, promise, code) {
  try {
    await promise;
  } catch (error) {
    assert.equal(world.library.codeOf(error), code, `the error is ${error.name}: ${error.message}`);
    return;
  }
  assert.fail("there was no error");
}

async function streams(world) {
  const { jsm, createStream } = await store(world);
  await createStream("STREAMS");
  await createStream("STREAMS"); // once more as it is
  const { config } = await jsm.streams.info("STREAMS");
  assert.deepEqual(
    [config.retention, config.storage, config.max_msgs, config.num_replicas, config.subjects],
    ["limits", "file", -1, 1, ["STREAMS.>"]],
  );
  await fails(world, jsm.streams.add({ name: "STREAMS", subjects: ["other"] }), streamNameInUse);
  await fails(world, jsm.streams.add({ name: "OVERLAP", subjects: ["STREAMS.a"] }), subjectsOverlapping);
  const updated = await jsm.streams.update("STREAMS", { ...config, max_msgs: 7 });
  assert.equal(updated.config.max_msgs, 7);
  assert.ok(await jsm.streams.delete("STREAMS"));
  await fails(world, jsm.streams.info("STREAMS"), streamNotFound);
}

async function storedMessages(world) {
  const { js, jsm, createStream } = await store(world);
  await createStream("MESSAGES");
  const ack = await stored(js, "MESSAGES.a", "first", 1);
  assert.deepEqual([ack.stream, ack.duplicate], ["MESSAGES", false]);
  const headers = world.library.headers();
  headers.append("Colour", "blue");
  headers.append("Colour", "green");
  await stored(js, "MESSAGES.b", "ünïcödé", 2, { headers });
  await stored(js, "MESSAGES.a", "", 3);
  for (const read of [jsm.streams, jsm.direct]) {
    const second = await read.getMessage("MESSAGES", { seq: 2 });
    assert.deepEqual([second.subject, second.string(), second.seq], ["MESSAGES.b", "ünïcödé", 2]);
    assert.deepEqual(second.header.values("Colour"), ["blue", "green"]);
    assert.ok(second.time.getTime() > 0);
    const last = await read.getMessage("MESSAGES", { last_by_subj: "MESSAGES.a" });
    assert.deepEqual([last.seq, last.data.length], [3, 0]);
  }
  assert.equal(await world.library.orNull(jsm.streams.getMessage("MESSAGES", { seq: 4 }), messageNotFound), null);
  await assert.rejects(js.publish("nobody.stores.this", "", { retries: 0 }));
}

async function duplicates(world) {
  const { js, createStream } = await store(world);
  await createStream("DUPLICATES");
  await stored(js, "DUPLICATES.a", "one", 1, { msgID: "1" });
  await stored(js, "DUPLICATES.a", "two", 2, { msgID: "2" });
  const ack = await stored(js, "DUPLICATES.a", "one again", 1, { msgID: "1" });
  assert.equal(ack.duplicate, true);
  await stored(js, "DUPLICATES.a", "three", 3);
}

async function expectations(world) {
  const { js, createStream } = await store(world);
  await createStream("EXPECT");
  await stored(js, "EXPECT.a", "one", 1, { msgID: "1", expect: { lastSequence: 0 } });
  await stored(js, "EXPECT.b", "two", 2, {
    msgID: "2",
    expect: { streamName: "EXPECT", lastSequence: 1, lastMsgID: "1", lastSubjectSequence: 0 },
  });
  for (const [expect, code] of [
    [{ streamName: "OTHER" }, streamNotMatch],
    [{ lastSequence: 1 }, wrongLastSequence],
    [{ lastSubjectSequence: 2 }, wrongLastSequence],
    [{ lastMsgID: "1" }, wrongLastMessageID],
  ]) {
    await fails(world, js.publish("EXPECT.a", "", { expect }), code);
  }
  await stored(js, "EXPECT.a", "three", 3, { expect: { lastSubjectSequence: 1 } });
}

async function removal(world) {
  const { js, jsm, createStream } = await store(world);
  await createStream("REMOVAL");
  for (let i = 0; i < 10; i++) {
    await stored(js, `REMOVAL.${i % 2}`, String(i), i + 1);
  }
  const state = async (...want) => {
    const { state } = await jsm.streams.info("REMOVAL");
    assert.deepEqual([state.messages, state.first_seq, state.last_seq, state.num_deleted ?? 0], want);
  };
  assert.ok(await jsm.streams.deleteMessage("REMOVAL", 4, false));
  assert.ok(await jsm.streams.deleteMessage("REMOVAL", 6));
  assert.equal(await world.library.orNull(jsm.streams.getMessage("REMOVAL", { seq: 6 }), messageNotFound), null);
  await state(8, 1, 10, 2);
  assert.equal((await jsm.streams.purge("REMOVAL", { seq: 3 })).purged, 2);
  await state(6, 3, 10, 2);
  await jsm.streams.purge("REMOVAL", { filter: "REMOVAL.1" });
  await state(4, 3, 10, 4);
  await jsm.streams.purge("REMOVAL");
  await state(0, 11, 10, 0);
  await stored(js, "REMOVAL.0", "new", 11);
}

// crash kills the server: what was acknowledged is there, and is still known.
async function crash(world) {
  const { nc, js, jsm, createStream } = await store(world);
  await createStream("CRASH");
  for (let i = 0; i < 100; i++) {
    await stored(js, "CRASH.a", String(i), i + 1, { msgID: String(i) });
  }
  const reconnected = statusOf(nc, "reconnect");
  await world.please("restart");
  await reconnected;
  for (const i of [0, 50, 99]) {
    assert.equal((await jsm.streams.getMessage("CRASH", { seq: i + 1 })).string(), String(i));
  }
  const ack = await stored(js, "CRASH.a", "99", 100, { msgID: "99" });
  assert.equal(ack.duplicate, true);
  await stored(js, "CRASH.a", "100", 101);
}

async function bucket(world, name) {
  return (await store(world)).bucket(name, { history: 5 });
}

async function buckets(world) {
  const { bucket, openBucket } = await store(world);
  await assert.rejects(openBucket("buckets"));
  const kv = await bucket("buckets");
  await (await openBucket("buckets")).status();
  assert.ok(await kv.destroy());
  await assert.rejects(openBucket("buckets"));
}

async function has(kv, key, value, revision) {
  const entry = await kv.get(key);
  assert.deepEqual([entry?.key, entry?.string(), entry?.revision, entry?.operation], [key, value, revision, "PUT"]);
}

async function putAndGet(world) {
  const kv = await bucket(world, "values");
  assert.equal(await kv.put("a", "one"), 1);
  assert.equal(await kv.put("b.c", "ünïcödé"), 2);
  assert.equal(await kv.put("a", ""), 3);
  await has(kv, "a", "", 3);
  await has(kv, "b.c", "ünïcödé", 2);
  assert.equal(await kv.get("c"), null);
  assert.equal((await kv.get("a", { revision: 1 })).string(), "one");
  assert.equal(await kv.get("a", { revision: 2 }), null);
}

async function revisions(world) {
  const kv = await bucket(world, "revisions");
  assert.equal(await kv.put("a", "one"), 1);
  assert.equal(await kv.update("a", "two", 1), 2);
  await fails(world, kv.update("a", "three", 1), wrongLastSequence);
  await has(kv, "a", "two", 2);
}

async function createKey(world) {
  const kv = await bucket(world, "creation");
  assert.equal(await kv.create("a", "one"), 1);
  await fails(world, kv.create("a", "two"), wrongLastSequence);
  await kv.delete("a");
  assert.equal(await kv.create("a", "three"), 3);
}

async function deleteAndPurgeKey(world) {
  const kv = await bucket(world, "removal");
  await kv.put("a", "one");
  await kv.put("a", "two");
  await kv.put("b", "kept");
  await kv.delete("a");
  assert.equal((await kv.get("a")).operation, "DEL");
  assert.equal((await kv.get("a", { revision: 2 })).string(), "two");
  await fails(world, kv.delete("a", { previousSeq: 2 }), wrongLastSequence);
  await kv.purge("a");
  assert.equal((await kv.get("a")).operation, "PURGE");
  for (const revision of [1, 2]) {
    assert.equal(await kv.get("a", { revision }), null);
  }
  await has(kv, "b", "kept", 3);
}

async function stateOfBucket(world) {
  const kv = await bucket(world, "state");
  for (let i = 0; i < 7; i++) {
    assert.equal(await kv.put("a", String(i)), i + 1);
  }
  await kv.put("b", "x");
  const status = await kv.status();
  assert.deepEqual([status.bucket, status.values, status.history], ["state", 6, 5]);
  assert.ok(status.size > 0);
  assert.equal(await kv.get("a", { revision: 2 }), null);
  assert.equal((await kv.get("a", { revision: 3 })).string(), "2");
}

export const storeChecks = {
  "streams": streams,
  "stored messages": storedMessages,
  "duplicates": duplicates,
  "expectations": expectations,
  "removal": removal,
  "crash": crash,
  "buckets": buckets,
  "put and get": putAndGet,
  "revisions": revisions,
  "create a key": createKey,
  "delete and purge a key": deleteAndPurgeKey,
  "state of a bucket": stateOfBucket,
};
