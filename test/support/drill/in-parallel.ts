/** Does something with each, so many at once. */
export async function inParallel<T>(
  width: number,
  things: readonly T[],
  task: (thing: T) => Promise<unknown>,
): Promise<void> {
  const left = things[Symbol.iterator]();
  const work = async () => {
    for (const thing of left) await task(thing);
  };
  await Promise.all(Array.from({ length: Math.min(width, things.length) }, work));
}
