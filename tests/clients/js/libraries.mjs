// The two libraries, and the little in which they differ: how they tell one
// error from another.

export const libraries = {
  "transport-node": async () => {
    const { connect, headers, createInbox, errors } = await import("@nats-io/transport-node");
    return {
      connect,
      headers,
      createInbox,
      isNoResponders: (error) =>
        error instanceof errors.NoRespondersError ||
        (error instanceof errors.RequestError && error.isNoResponders()),
      isTooLarge: (error) => error instanceof errors.InvalidArgumentError,
    };
  },
  nats: async () => {
    const { connect, headers, createInbox, ErrorCode } = (await import("nats")).default;
    return {
      connect,
      headers,
      createInbox,
      isNoResponders: (error) => error.code === ErrorCode.NoResponders,
      isTooLarge: (error) => error.code === ErrorCode.MaxPayloadExceeded,
    };
  },
};
