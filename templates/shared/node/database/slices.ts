const SLICE = 1000;

/** Removes a backlog of any size a slice at a time, so that no lock is held for long. */
export async function inSlices(
  find: (limit: number) => Promise<readonly { readonly id: string }[]>,
  remove: (ids: readonly string[]) => Promise<unknown>,
): Promise<number> {
  let count = 0;
  for (;;) {
    const found = await find(SLICE);
    if (found.length > 0) {
      await remove(found.map(({ id }) => id));
      count += found.length;
    }
    if (found.length < SLICE) {
      return count;
    }
  }
}
