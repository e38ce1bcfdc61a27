import { abs, add, cast, clamp, detach, fakeQuant, mul, roundHalfEven, Tensor } from "../../tensor/index.ts";
import { chooseQParams, type QParams, type Scheme } from "../scheme.ts";
import { eachChannel, magnitudesOf, normal } from "./clip.ts";
import { decode, encode, paramsLike } from "./codes.ts";
import { gradientOf } from "./levels.ts";
import type { Quantizer } from "./quantizer.ts";

/** What `lsq` takes. */
export interface LsqOptions {
  /** LSQ+: the zero point is learned too, and the grid starts at the range instead of the mean magnitude. Default false. */
  readonly zeroPoint?: boolean;
}

/** No step is smaller, whichever way an optimiser pushes it. */
const SMALLEST = 2 ** -126;

/**
 * A learned zero point, kept among the codes; beyond them its gradient stays, so that it can come back. Shape: kept.
 * Source: QDrop's code, which keeps the parameter itself there.
 */
export const boundedZeroPoint = (zeroPoint: Tensor, { qmin, qmax }: Scheme): Tensor =>
  add(detach(clamp(zeroPoint, { min: qmin, max: qmax })), gradientOf(zeroPoint));

/** The parameters as the grid sees them: a positive scale, a zero point among the codes, beyond which its gradient stays. */
function guarded({ scale, zeroPoint }: QParams, scheme: Scheme): QParams {
  return { scale: clamp(abs(scale), { min: SMALLEST }), zeroPoint: boundedZeroPoint(zeroPoint, scheme) };
}

/** The same value with g times its gradient. */
const slowed = (x: Tensor, g: number): Tensor => add(detach(x), mul(gradientOf(x), g));

/** Where codes have their zero before anything is learned: 0, or the middle code of unsigned symmetric schemes. */
const restingZero = ({ mapping, signed, qmin, qmax }: Scheme): number =>
  signed || mapping === "affine" ? 0 : Math.floor((qmin + qmax) / 2);

/** s = 2 mean|x| / sqrt(Q_P) per scale; the range's magnitude over Q_P where there are no values. */
function initialScale(largest: readonly number[], top: number, axis: number | null, x: Tensor | undefined): Tensor {
  const sums = new Float64Array(largest.length);
  const counts = new Float64Array(largest.length);
  if (x)
    eachChannel(x, axis, (value, c) => {
      sums[c] += Math.abs(value);
      counts[c]++;
    });
  const scale = largest.map((end, c) => normal(x ? (2 * sums[c]) / Math.max(1, counts[c]) / Math.sqrt(top) : end / top));
  return new Tensor([scale.length], "f32", Float32Array.from(scale));
}

/**
 * Learned step size: the uniform grid whose scale starts at 2 mean|x| / sqrt(Q_P) and whose gradient is multiplied by
 * g = 1 / sqrt(N Q_P), N the values that share a scale. With `zeroPoint` (LSQ+) the zero point is learned as well, real,
 * rounded straight-through and kept among the codes; both gradients take g.
 *
 * Departure: N is counted per channel, as QDrop does; lsq-net takes the whole tensor. LSQ+ starts from the range, whatever
 * the tensor is.
 *
 * Source: Esser et al. 2020; Bhalgat et al. 2020 (LSQ+).
 */
export function lsq({ zeroPoint = false }: LsqOptions = {}): Quantizer<QParams> {
  const name = zeroPoint ? "lsqPlus" : "lsq";
  return {
    name,
    init(range, scheme, x) {
      if (zeroPoint) return chooseQParams(range, scheme).params;
      const zero = restingZero(scheme);
      const scale = initialScale(magnitudesOf(range), scheme.qmax - zero, scheme.axis, x);
      return { scale, zeroPoint: new Tensor(scale.shape, "f32", new Float32Array(scale.size).fill(zero)) };
    },
    fakeQuant(x, params, scheme) {
      const { qmin, qmax, axis } = scheme;
      const own = guarded(paramsLike(x, params), scheme);
      const sharing = x.size / own.scale.size;
      const top = zeroPoint ? qmax : qmax - restingZero(scheme);
      const g = 1 / Math.sqrt(Math.max(1, sharing) * top);
      const zero = zeroPoint ? slowed(own.zeroPoint, g) : detach(own.zeroPoint);
      return fakeQuant(x, slowed(own.scale, g), zero, { qmin, qmax, axis: own.scale.size === 1 ? null : axis });
    },
    quantize: (x, params, scheme) => encode(name, x, guarded(params, scheme), scheme, roundHalfEven),
    dequantize: (codes, params, scheme) => decode(name, codes, guarded(params, scheme), scheme),
    learnable: zeroPoint ? ["scale", "zeroPoint"] : ["scale"],
  };
}

/** The parameters as a plan holds them: the grid `lsq` puts values on. Shapes: those of the parameters. Source: LSQ+. */
export function lsqGrid(params: QParams, scheme: Scheme): QParams {
  const { scale, zeroPoint } = guarded(params, scheme);
  return { scale, zeroPoint: new Tensor(zeroPoint.shape, "f32", Float32Array.from(cast(zeroPoint, "f32").data, roundHalfEven)) };
}
