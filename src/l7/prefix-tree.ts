const CHARACTERS = 128;

/** A place in the tree: what is stored for exactly this text, and for every text that begins with it. */
export class PrefixNode<T> {
  readonly label: string;
  exact: T | null = null;
  prefix: T | null = null;
  /** The nearest shorter place that has a `prefix` value. */
  shorter: PrefixNode<T> | null = null;
  /** By character code; null for a leaf. */
  children: (PrefixNode<T> | null)[] | null = null;

  constructor(label: string) {
    this.label = label;
  }
}

/**
 * A radix tree over ASCII texts, read forwards (paths) or backwards (host names): exact values and prefix values in one
 * walk without allocation. Built once, by `add`, then `link`.
 */
export class PrefixTree<T> {
  readonly #root = new PrefixNode<T>('');
  readonly #backwards: boolean;
  /** After `find`: the place of exactly the text, when something is stored there. */
  exact: T | null = null;
  /** After `find`: the longest place that the text begins with and that has a `prefix` value; go on with its `shorter`. */
  longest: PrefixNode<T> | null = null;

  constructor(backwards = false) {
    this.#backwards = backwards;
  }

  /** The node for `text`, made when there is none. A text with other than ASCII characters cannot be found and gets none. */
  add(text: string): PrefixNode<T> | null {
    for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= CHARACTERS) return null;
    let rest = this.#backwards ? [...text].reverse().join('') : text;
    let node = this.#root;
    while (rest !== '') {
      node.children ??= new Array<PrefixNode<T> | null>(CHARACTERS).fill(null);
      const code = rest.charCodeAt(0);
      const child = node.children[code] ?? null;
      if (child === null) {
        const leaf = new PrefixNode<T>(rest);
        node.children[code] = leaf;
        return leaf;
      }
      const common = commonLength(child.label, rest);
      node = common === child.label.length ? child : split(node.children, code, child, common);
      rest = rest.slice(common);
    }
    return node;
  }

  /** Connects each place with the next shorter one; to be called after the last `add` and before the first `find`. */
  link(): void {
    link(this.#root, null);
  }

  /** Sets `exact` and `longest` for `text`. */
  find(text: string): void {
    const length = text.length;
    let node = this.#root;
    let at = 0;
    this.exact = null;
    this.longest = node.prefix === null ? null : node;
    while (at < length) {
      const child: PrefixNode<T> | null = node.children?.[this.#code(text, at)] ?? null;
      if (child === null || !this.#holds(text, at, child.label)) return;
      at += child.label.length;
      node = child;
      if (node.prefix !== null) this.longest = node;
    }
    this.exact = node.exact;
  }

  #code(text: string, at: number): number {
    return text.charCodeAt(this.#backwards ? text.length - 1 - at : at);
  }

  #holds(text: string, at: number, label: string): boolean {
    if (at + label.length > text.length) return false;
    for (let i = 1; i < label.length; i++) if (this.#code(text, at + i) !== label.charCodeAt(i)) return false;
    return true;
  }
}

function commonLength(a: string, b: string): number {
  let i = 0;
  while (i < a.length && i < b.length && a[i] === b[i]) i++;
  return i;
}

/** Puts a node for the first `at` characters of `child` between it and its parent. */
function split<T>(siblings: (PrefixNode<T> | null)[], code: number, child: PrefixNode<T>, at: number): PrefixNode<T> {
  const upper = new PrefixNode<T>(child.label.slice(0, at));
  const lower = new PrefixNode<T>(child.label.slice(at));
  lower.exact = child.exact;
  lower.prefix = child.prefix;
  lower.children = child.children;
  upper.children = new Array<PrefixNode<T> | null>(CHARACTERS).fill(null);
  upper.children[lower.label.charCodeAt(0)] = lower;
  siblings[code] = upper;
  return upper;
}

function link<T>(node: PrefixNode<T>, shorter: PrefixNode<T> | null): void {
  node.shorter = shorter;
  const next = node.prefix === null ? shorter : node;
  for (const child of node.children ?? []) if (child !== null) link(child, next);
}
