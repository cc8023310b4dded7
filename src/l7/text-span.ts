/** A stretch of a text, found without making a string of it. One object serves all look-ups of a thread. */
export class TextSpan {
  text = '';
  start = 0;
  end = 0;

  /** Always true, for the end of a search. */
  set(text: string, start: number, end: number): true {
    this.text = text;
    this.start = start;
    this.end = end;
    return true;
  }

  toString(): string {
    return this.text.slice(this.start, this.end);
  }
}

const COLON = 58;
const SEMICOLON = 59;
const EQUALS = 61;

/** Finds the value of the first field of that name (lower case) in field lines that each end with CR LF. */
export function findField(fields: string, name: string, span: TextSpan, from = 0): boolean {
  for (let at = from; at < fields.length; ) {
    const end = fields.indexOf('\r\n', at);
    if (end < 0) return false;
    if (fields.charCodeAt(at + name.length) === COLON && isName(fields, at, name)) {
      let start = at + name.length + 1;
      let stop = end;
      while (start < stop && isBlank(fields.charCodeAt(start))) start++;
      while (stop > start && isBlank(fields.charCodeAt(stop - 1))) stop--;
      return span.set(fields, start, stop);
    }
    at = end + 2;
  }
  return false;
}

/** Finds the value of the first cookie of that name. */
export function findCookie(fields: string, name: string, span: TextSpan): boolean {
  for (let from = 0; findField(fields, 'cookie', span, from); ) {
    const { start, end } = span;
    if (findPair(fields, start, end, name, SEMICOLON, span)) return true;
    from = fields.indexOf('\r\n', end) + 2;
  }
  return false;
}

/** Finds the value of the first argument of that name in the query of a target. */
export function findArgument(target: string, name: string, span: TextSpan): boolean {
  const query = target.indexOf('?');
  return query >= 0 && findPair(target, query + 1, target.length, name, AMPERSAND, span);
}

const AMPERSAND = 38;

/** Among `name=value` pairs between separators. */
function findPair(text: string, start: number, end: number, name: string, separator: number, span: TextSpan): boolean {
  for (let at = start; at < end; ) {
    while (at < end && isBlank(text.charCodeAt(at))) at++;
    let stop = at;
    while (stop < end && text.charCodeAt(stop) !== separator) stop++;
    const value = at + name.length + 1;
    if (value <= stop && text.charCodeAt(value - 1) === EQUALS && text.startsWith(name, at)) {
      return span.set(text, value, stop);
    }
    at = stop + 1;
  }
  return false;
}

function isName(text: string, at: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = text.charCodeAt(at + i);
    if ((code >= 0x41 && code <= 0x5a ? code | 0x20 : code) !== name.charCodeAt(i)) return false;
  }
  return true;
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}
