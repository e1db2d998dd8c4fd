// Runs one NATS library for JavaScript through the checks.
//
//   node main.mjs transport-node|nats URL [FOLDER]
//
// What it prints, and what it may ask for on the way, is told in
// ../programs_test.go.

import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { checks } from "./checks.mjs";
import { consumerChecks } from "./consumers.mjs";
import { libraries } from "./libraries.mjs";
import { storeChecks } from "./stored.mjs";

const patienceMillis = 60_000;

const [libraryName, url, folder] = process.argv.slice(2);
const tls = folder && {
  caFile: `${folder}/ca.pem`,
  certFile: `${folder}/client.pem`,
  keyFile: `${folder}/client.key`,
};
const library = await libraries[libraryName]();

// identity is what the folder has to say who one is: a password, or the seed of an NKey.
function identity() {
  const has = (name) => folder && existsSync(`${folder}/${name}`);
  if (has("password.txt")) {
    return { user: "shop", pass: readFileSync(`${folder}/password.txt`, "utf8") };
  }
  return has("user.nk") ? { authenticator: library.nkeyAuthenticator(readFileSync(`${folder}/user.nk`)) } : {};
}

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function please(wish) {
  console.log(`please ${wish}`);
  const { value } = await answers.next();
  if (value !== "done") {
    throw new Error(`asked for ${wish}, got ${value}`);
  }
}

// World is what a check gets: the library, connections that are closed when the
// check ends, and a say in the server's life.
class World {
  library = library;
  please = please;
  connections = [];

  async connect(options = {}) {
    const connection = await library.connect({
      servers: url,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
      ...(tls && { tls }),
      ...identity(),
      ...options,
    });
    this.connections.push(connection);
    return connection;
  }

  async close() {
    for (const connection of this.connections) {
      await connection.close();
    }
  }
}

function patiently(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("waited in vain")), patienceMillis);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

let failed = false;
for (const [name, check] of Object.entries(folder ? checks : { ...checks, ...storeChecks, ...consumerChecks })) {
  const world = new World();
  try {
    await patiently(check(world));
    console.log(`ok ${name}`);
  } catch (error) {
    failed = true;
    console.log(`not ok ${name}: ${error.message.replaceAll("\n", " ")}`);
  }
  await world.close();
}
process.exit(failed ? 1 : 0);
