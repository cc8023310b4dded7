const NAMES: Readonly<Record<string, string>> = { debug: 'DEBUG', info: 'INFO ', warn: 'WARN ', error: 'ERROR' };
const COLOURS: Readonly<Record<string, string>> = { debug: '2', info: '32', warn: '33', error: '31' };
/** C0, DEL and C1: what could steer a terminal. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

function visible(text: string): string {
  return text.replace(CONTROL, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function formatField(key: string, value: unknown): string {
  const text = typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return `${visible(key)}=${visible(text)}`;
}

/** Turns an event's JSON line into a line for people: `12:00:01 INFO  message  key=value …`. */
export function formatEvent(json: string): string {
  const { level, time, event: _, message, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const name = String(level);
  const clock = String(time).slice(11, 19);
  const tail = Object.entries(fields).map(([key, value]) => ` ${formatField(key, value)}`);
  const colour = COLOURS[name] ?? '0';
  return `${clock} \u001b[${colour}m${NAMES[name] ?? name}\u001b[0m ${visible(String(message))}${tail.join('')}\n`;
}
