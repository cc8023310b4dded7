/** The patterns that a host name fits, the narrowest first: itself, then `*.` and each of its endings. */
export function patternsOf(name: string): string[] {
  const patterns = [name];
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) patterns.push(`*${name.slice(dot)}`);
  return patterns;
}
