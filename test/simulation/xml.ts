/** An element: its name, its attributes, and the text directly in it. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
}

const TOKEN = /<(\/?)([A-Za-z][\w-]*)((?:\s+[\w:-]+="[^"<&]*")*)\s*(\/?)>|([^<>]+)/y;
const REFERENCE = /&(?:amp|lt|gt|quot|apos);/g;

/** Reads the part of XML that a drawing needs. Throws at whatever is not well-formed; returns the elements in order. */
export function parseXml(text: string): readonly Element[] {
  const elements: Element[] = [];
  const open: { name: string; attributes: Record<string, string>; text: string }[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    const match = TOKEN.exec(text);
    if (!match) throw new Error(`not well-formed at ${at}: ${text.slice(at, at + 40)}`);
    const [, closing, name = '', attributes = '', empty, content] = match;
    if (content !== undefined) {
      if (/&|[\x00-\x08\x0b\x0c\x0e-\x1f]/.test(content.replaceAll(REFERENCE, ''))) throw new Error(`text: ${content}`);
      const current = open.at(-1);
      if (current) current.text += content;
      else if (content.trim() !== '') throw new Error(`text outside of any element: ${content}`);
    } else if (closing) {
      const element = open.pop();
      if (element?.name !== name) throw new Error(`</${name}> ends <${element?.name}>`);
    } else {
      const element = { name, attributes: attributesOf(attributes), text: '' };
      if (open.length === 0 && elements.length > 0) throw new Error(`<${name}> is a second root`);
      elements.push(element);
      if (!empty) open.push(element);
    }
  }
  if (open.length > 0) throw new Error(`<${open.at(-1)!.name}> has no end`);
  return elements;
}

function attributesOf(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(/([\w:-]+)="([^"]*)"/g)) {
    if (name in found) throw new Error(`attribute ${name} twice`);
    found[name] = value;
  }
  return found;
}
