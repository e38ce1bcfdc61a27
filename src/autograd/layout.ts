/** A buffer and the steps during which it holds a value, both included. */
export interface Lifetime {
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

/** Where each buffer begins, and the bytes they need together. */
export interface Layout {
  readonly offsets: readonly number[];
  readonly bytes: number;
}

const overlapsInTime = (a: Lifetime, b: Lifetime): boolean => a.from <= b.to && b.from <= a.to;

/**
 * Places buffers so that no two that live at the same step share a byte: the largest first, each at the lowest offset
 * that is free for as long as it lives (Pisarchyk and Lee 2020, greedy by size). Equal buffers keep their order.
 */
export function planOffsets(lifetimes: readonly Lifetime[]): Layout {
  const offsets = new Array<number>(lifetimes.length).fill(0);
  const order = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[b].bytes - lifetimes[a].bytes || a - b);
  // Placed buffers by ascending offset.
  const placed: number[] = [];
  let bytes = 0;
  for (const i of order) {
    const life = lifetimes[i];
    let at = 0;
    for (const other of placed) {
      if (!overlapsInTime(life, lifetimes[other])) continue;
      if (offsets[other] >= at + life.bytes) break;
      at = Math.max(at, offsets[other] + lifetimes[other].bytes);
    }
    offsets[i] = at;
    bytes = Math.max(bytes, at + life.bytes);
    const behind = placed.findIndex((other) => offsets[other] > at);
    placed.splice(behind < 0 ? placed.length : behind, 0, i);
  }
  return { offsets, bytes };
}
