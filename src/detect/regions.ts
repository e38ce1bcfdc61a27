/** Connected cells of a map above a threshold. */
export interface Region {
  /** First and last column and row, all inclusive. */
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  /** Mean value of its cells. */
  readonly mean: number;
}

/** The regions of cells above `threshold` in a row-major map, in the order of their first cell; diagonal neighbours touch. */
export function connectedRegions(map: ArrayLike<number>, width: number, threshold: number): Region[] {
  const seen = new Uint8Array(map.length);
  const open = new Int32Array(map.length);
  const regions: Region[] = [];
  for (let first = 0; first < map.length; first++) {
    if (seen[first] === 1 || !(map[first] > threshold)) continue;
    regions.push(grow(map, width, threshold, first, seen, open));
  }
  return regions;
}

/** The region of one cell. Every cell enters `open` once, so the stack never outgrows the map. */
function grow(map: ArrayLike<number>, width: number, threshold: number, first: number, seen: Uint8Array, open: Int32Array): Region {
  const height = map.length / width;
  let [left, top, right, bottom] = [width, height, 0, 0];
  let [sum, count, depth] = [0, 0, 0];
  seen[first] = 1;
  open[depth++] = first;
  while (depth > 0) {
    const cell = open[--depth];
    const [x, y] = [cell % width, Math.floor(cell / width)];
    sum += map[cell];
    count++;
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
      for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
        const next = v * width + u;
        if (seen[next] === 1 || !(map[next] > threshold)) continue;
        seen[next] = 1;
        open[depth++] = next;
      }
    }
  }
  return { left, top, right, bottom, mean: sum / count };
}
