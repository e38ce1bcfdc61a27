import type { LayerDifference, TensorDifference } from "../quant/index.ts";

/** SQNR in dB as a number that can be ordered: Infinity where nothing differs, -Infinity where there was no signal or values are not finite. */
export function decibels({ sqnr, maxError, nonFinite }: TensorDifference): number {
  if (nonFinite > 0) return Number.NEGATIVE_INFINITY;
  return sqnr ?? (maxError === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);
}

/** "31.5", "inf" where nothing differs, "-inf" where there was no signal, "not finite" where some values are infinite or NaN. */
export function decibelText(difference: TensorDifference): string {
  const value = decibels(difference);
  if (difference.nonFinite > 0) return "not finite";
  return Number.isFinite(value) ? value.toFixed(1) : value > 0 ? "inf" : "-inf";
}

/** Layers from the one that does most harm by itself up; ties by what has come together, then in order of execution. */
export function worstFirst(layers: readonly LayerDifference[]): LayerDifference[] {
  const rank = (a: number, b: number): number => (a === b ? 0 : a - b);
  return [...layers].sort(
    (a, b) => rank(decibels(a.isolated), decibels(b.isolated)) || rank(decibels(a.accumulated), decibels(b.accumulated)),
  );
}
