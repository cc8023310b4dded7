/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

const PLACEHOLDER = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?/g;

/** A text with its variables replaced, or why that cannot be. */
export type Substitution =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string; readonly hint: string };

/**
 * Replaces `${NAME}` and `${NAME:-default}`; the default also stands in for a variable that is set but empty, as in a
 * shell. `$${` is a literal `${`. What a variable holds is taken as it is and not searched again.
 */
export function substitute(text: string, environment: Environment): Substitution {
  let failure: Substitution | null = null;
  const replaced = text.replace(PLACEHOLDER, (match: string, name?: string, fallback?: string) => {
    if (match === '$${') return '${';
    if (name === undefined) {
      failure ??= {
        ok: false,
        message: '"${" does not begin a variable',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: shown as it is to be written
        hint: 'write ${NAME}, or $${ for a literal "${"',
      };
      return '';
    }
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) {
      const hint = `set it, or write \${${name}:-default}`;
      failure ??= { ok: false, message: `the environment variable ${name} is not set`, hint };
    }
    return value ?? '';
  });
  return failure ?? { ok: true, text: replaced };
}
