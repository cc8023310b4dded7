/** What an operator asks for nodes: those that meet all conditions. Null is no condition. */
export interface NodeOrder {
  readonly upstream: string | null;
  /** `host:port`. */
  readonly node: string | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  /** Null leaves it as it is. */
  readonly state: 'enable' | 'drain' | 'disable' | null;
  /** `source` gives back the weight of the source; null leaves it as it is. */
  readonly weight: number | 'source' | null;
  readonly reason: string | null;
}

/** A standing order. Field names are those of the JSON. */
export interface OrderView extends NodeOrder {
  /** ISO 8601. */
  readonly at: string;
}

export interface OrderedNode {
  readonly upstream: string;
  /** `host:port`. */
  readonly node: string;
}

/** Orders of operators about nodes; the control thread implements it. */
export interface NodeOrders {
  orders(): readonly OrderView[];
  /** Carries out an order. Returns the nodes that it is for now; none means that nothing was done. */
  order(order: NodeOrder): readonly OrderedNode[];
}
