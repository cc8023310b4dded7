const MAX_DATAGRAMS = 8;
const MAX_BYTES = 64 * 1024;
/** What all sessions of a listener keep together: a flood of large datagrams must not become memory. */
const MAX_LISTENER_BYTES = 16 * 1024 * 1024;

/** How many bytes the sessions of a listener keep. */
export class UnansweredBudget {
  bytes = 0;

  get spent(): boolean {
    return this.bytes >= MAX_LISTENER_BYTES;
  }
}

/**
 * The datagrams that went to a node since its last answer, as they came: should the port turn out to be closed, nobody has
 * read them, and another node can have them. The first ones are kept, up to bounds.
 */
export class Unanswered {
  readonly #budget: UnansweredBudget;
  /** Mostly there is one, and its answer comes before the next: that needs no array. */
  #first: Buffer | null = null;
  #more: Buffer[] | null = null;
  #bytes = 0;

  constructor(budget: UnansweredBudget) {
    this.#budget = budget;
  }

  get empty(): boolean {
    return this.#first === null;
  }

  /** False when it is one too many, and not kept. */
  keep(datagram: Buffer): boolean {
    const size = datagram.length;
    if (this.#first === null) this.#first = datagram;
    else {
      if (this.#bytes > 0 && (this.#bytes + size > MAX_BYTES || this.#budget.spent)) return false;
      this.#more ??= [];
      if (this.#more.length >= MAX_DATAGRAMS - 1) return false;
      this.#more.push(datagram);
    }
    this.#bytes += size;
    this.#budget.bytes += size;
    return true;
  }

  /** They are on their way. Those that the listener has no room to keep are forgotten. */
  sent(): void {
    if (this.#budget.spent) this.clear();
  }

  clear(): void {
    if (this.#first === null) return;
    this.#first = null;
    this.#more = null;
    this.#budget.bytes -= this.#bytes;
    this.#bytes = 0;
  }

  /** The datagrams in order, which are kept as they are. */
  get datagrams(): readonly Buffer[] {
    if (this.#first === null) return [];
    return this.#more === null ? [this.#first] : [this.#first, ...this.#more];
  }

  /** The datagrams in order; they are kept no more. */
  take(): readonly Buffer[] {
    const taken = this.datagrams;
    this.clear();
    return taken;
  }
}
