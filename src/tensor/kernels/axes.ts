/** An axis of a loop nest: its length and the step of every operand along it. */
export type Axis = [length: number, steps: number[]];

/** The axes of `shape` with the given strides per operand, merged wherever all operands advance evenly; never empty. */
export function mergeAxes(shape: readonly number[], strides: readonly (readonly number[])[]): Axis[] {
  const axes: Axis[] = [];
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] === 1) continue;
    const inner = axes[0];
    if (inner && strides.every((s, i) => s[d] === inner[1][i]! * inner[0])) inner[0] *= shape[d]!;
    else axes.unshift([shape[d]!, strides.map((s) => s[d]!)]);
  }
  return axes.length > 0 ? axes : [[1, strides.map(() => 1)]];
}

/** Visits all positions of a loop nest in row-major order with the offset of every operand. The offsets are reused. */
export function walk(axes: readonly Axis[], start: readonly number[], visit: (offsets: readonly number[]) => void): void {
  const offsets = [...start];
  const index = axes.map(() => 0);
  for (;;) {
    visit(offsets);
    let d = axes.length - 1;
    for (; d >= 0; d--) {
      const [length, steps] = axes[d]!;
      index[d]!++;
      for (let i = 0; i < steps.length; i++) offsets[i]! += steps[i]!;
      if (index[d]! < length) break;
      for (let i = 0; i < steps.length; i++) offsets[i]! -= steps[i]! * length;
      index[d] = 0;
    }
    if (d < 0) return;
  }
}
