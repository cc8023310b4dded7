/** What each node would have got by its weight alone, while it was registered. */
export class FairShare {
  readonly #expected = new Map<string, number>();
  #nodes: readonly { readonly host: string; readonly weight: number }[] = [];
  /** Since the nodes last changed. */
  #picks = 0;

  /** These nodes are registered from now on. */
  setNodes(nodes: readonly { readonly host: string; readonly weight: number }[]): void {
    this.#settle();
    this.#nodes = nodes;
  }

  picked(): void {
    this.#picks += 1;
  }

  /** Picks by node; not whole numbers. */
  expected(): ReadonlyMap<string, number> {
    this.#settle();
    return this.#expected;
  }

  #settle(): void {
    const total = this.#nodes.reduce((sum, { weight }) => sum + weight, 0);
    for (const { host, weight } of this.#nodes) {
      if (total > 0) this.#expected.set(host, (this.#expected.get(host) ?? 0) + (this.#picks * weight) / total);
    }
    this.#picks = 0;
  }
}
