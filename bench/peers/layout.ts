/** Values of a row-major tensor in another order of its dimensions. */
export function permuted(values: ArrayLike<number>, shape: readonly number[], order: readonly number[]): Float32Array {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const sizes = order.map((d) => shape[d]!);
  const steps = order.map((d) => strides[d]!);
  const out = new Float32Array(values.length);
  const index = sizes.map(() => 0);
  let source = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = values[source]!;
    for (let d = sizes.length - 1; d >= 0; d--) {
      source += steps[d]!;
      if (++index[d]! < sizes[d]!) break;
      source -= steps[d]! * sizes[d]!;
      index[d] = 0;
    }
  }
  return out;
}
