import { add, allocate, cast, concat, div, exp, mul, ones, reshape, sub, Tensor } from "../../tensor/index.ts";

/**
 * The encoder of each side of mu, v = k log2 |x - mu| + a with k = exp(kappa), and the scale of the shifts. All [1] or [C].
 */
export type LogAffineParams = {
  /** ln k at and above mu. */
  readonly kappaPositive: Tensor;
  /** a at and above mu. */
  readonly aPositive: Tensor;
  /** ln k below mu. */
  readonly kappaNegative: Tensor;
  /** a below mu. */
  readonly aNegative: Tensor;
  /** The centre, in units of the values. */
  readonly mu: Tensor;
  /** What a shift by 0 stands for, in units of the values; 1 and unused in mode "exact". */
  readonly scale: Tensor;
};

/** "exact": levels mu +- 2^((e - a) / k), a geometric grid. "shift": levels mu +- scale * 2^e, a shift by e. */
export type LogAffineMode = "exact" | "shift";

/** Sizes of a grid: exponents 0 to `largest` on each side, and whether a code stands for the centre. */
export interface LogShape {
  readonly largest: number;
  readonly zero: boolean;
}

/** Just below the centre: what lies on it is on the positive side. */
const JUST_BELOW = -(2 ** -149);

/** A constant row [1, n] of whole or half exponents, or of functions of them. */
function rowOf(dtype: Tensor["dtype"], values: readonly number[]): Tensor {
  const data = allocate(dtype, values.length);
  data.set(values);
  return new Tensor([1, values.length], dtype, data);
}

/** Parameters as columns [C, 1] of a float type. */
export function columnsOf(params: LogAffineParams, dtype: Tensor["dtype"]): LogAffineParams {
  const column = (p: Tensor): Tensor => reshape(cast(p, dtype), { shape: [p.size, 1] });
  return {
    kappaPositive: column(params.kappaPositive),
    aPositive: column(params.aPositive),
    kappaNegative: column(params.kappaNegative),
    aNegative: column(params.aNegative),
    mu: column(params.mu),
    scale: column(params.scale),
  };
}

/** 2^((e - a) / k) of a row e for columns a and k. */
const decoded = (e: Tensor, kappa: Tensor, a: Tensor): Tensor => exp(mul(div(sub(e, a), exp(kappa)), Math.LN2));

/**
 * Thresholds and levels about 0 in ascending order, [C, T] and [C, T + 1], of parameters that are columns. Between the
 * exponents e and e + 1 lies 2^((e + 1/2 - a) / k), where k log2 d + a is rounded from one to the other.
 */
export function logTables(p: LogAffineParams, mode: LogAffineMode, { largest, zero }: LogShape): { thresholds: Tensor; levels: Tensor } {
  const { dtype } = p.mu;
  const rising = Array.from({ length: largest + 1 }, (_, e) => e);
  const falling = rising.toReversed();
  const row = (values: readonly number[]): Tensor => rowOf(dtype, values);
  const magnitudes = (e: readonly number[], kappa: Tensor, a: Tensor): Tensor =>
    mode === "shift" ? mul(p.scale, row(e.map((k) => 2 ** k))) : decoded(row(e), kappa, a);
  const between = (e: readonly number[], kappa: Tensor, a: Tensor): Tensor => decoded(add(row(e), 0.5), kappa, a);
  const half = (kappa: Tensor, a: Tensor): Tensor => mul(decoded(row([0]), kappa, a), 0.5);
  const edges = zero
    ? [mul(half(p.kappaNegative, p.aNegative), -1), half(p.kappaPositive, p.aPositive)]
    : [mul(ones(p.mu.shape, dtype), JUST_BELOW)];
  const [up, down] = [rising.slice(0, -1), falling.slice(1)];
  return {
    thresholds: concat([mul(between(down, p.kappaNegative, p.aNegative), -1), ...edges, between(up, p.kappaPositive, p.aPositive)], {
      dim: 1,
    }),
    levels: concat(
      [
        mul(magnitudes(falling, p.kappaNegative, p.aNegative), -1),
        ...(zero ? [mul(p.mu, 0)] : []),
        magnitudes(rising, p.kappaPositive, p.aPositive),
      ],
      { dim: 1 },
    ),
  };
}
