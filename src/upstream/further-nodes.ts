/** Other nodes that are tried for want of a connection when an upstream's `retries` does not say how many. */
export const FURTHER_NODES = 16;
