// The two libraries, and the little in which they differ: how they tell one
// error from another, and how they get at what is stored.

export const libraries = {
  "transport-node": async () => {
    const { connect, headers, createInbox, errors, nkeyAuthenticator } = await import("@nats-io/transport-node");
    const { jetstream, jetstreamManager, JetStreamApiError } = await import("@nats-io/jetstream");
    const { Kvm } = await import("@nats-io/kv");
    const { Objm } = await import("@nats-io/obj");
    return {
      stores: async (connection) => ({
        js: jetstream(connection),
        jsm: await jetstreamManager(connection),
        bucket: (name, options) => new Kvm(connection).create(name, options),
        objects: (name) => new Objm(connection).create(name),
        openBucket: async (name) => {
          const bucket = await new Kvm(connection).open(name);
          await bucket.status(); // opening alone asks nothing
          return bucket;
        },
      }),
      codeOf: (error) => (error instanceof JetStreamApiError ? error.code : undefined),
      orNull: (promise) => promise, // what is not there is null
      connect,
      headers,
      createInbox,
      nkeyAuthenticator,
      isNoResponders: (error) =>
        error instanceof errors.NoRespondersError ||
        (error instanceof errors.RequestError && error.isNoResponders()),
      isTooLarge: (error) => error instanceof errors.InvalidArgumentError,
    };
  },
  nats: async () => {
    const { connect, headers, createInbox, ErrorCode, nkeyAuthenticator } = (await import("nats")).default;
    const codeOf = (error) => error.api_error?.err_code;
    return {
      stores: async (connection) => ({
        js: connection.jetstream(),
        jsm: await connection.jetstreamManager(),
        bucket: (name, options) => connection.jetstream().views.kv(name, options),
        objects: (name) => connection.jetstream().views.os(name),
        openBucket: async (name) => {
          const bucket = await connection.jetstream().views.kv(name, { bindOnly: true });
          await bucket.status(); // opening alone asks nothing
          return bucket;
        },
      }),
      codeOf,
      orNull: (promise, code) =>
        promise.catch((error) => {
          if (codeOf(error) !== code) {
            throw error;
          }
          return null;
        }),
      connect,
      headers,
      createInbox,
      nkeyAuthenticator,
      isNoResponders: (error) => error.code === ErrorCode.NoResponders,
      isTooLarge: (error) => error.code === ErrorCode.MaxPayloadExceeded,
    };
  },
};
