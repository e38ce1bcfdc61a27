import { fakeQuant, roundHalfEven } from "../../tensor/index.ts";
import { chooseQParams, type QParams } from "../scheme.ts";
import { decode, encode, paramsLike } from "./codes.ts";
import type { Quantizer } from "./quantizer.ts";

/**
 * The uniform grid s (q - z), q = clamp(round(x / s) + z, qmin, qmax), rounding half to even.
 *
 * Straight-through gradient in x, LSQ gradients in scale and zero point.
 */
export const uniformAffine: Quantizer<QParams> = {
  name: "uniformAffine",
  init: (range, scheme) => chooseQParams(range, scheme).params,
  fakeQuant(x, params, { qmin, qmax, axis }) {
    const { scale, zeroPoint } = paramsLike(x, params);
    return fakeQuant(x, scale, zeroPoint, { qmin, qmax, axis: scale.size === 1 ? null : axis });
  },
  quantize: (x, params, scheme) => encode("quantize", x, params, scheme, roundHalfEven),
  dequantize: (codes, params, scheme) => decode("dequantize", codes, params, scheme),
  learnable: ["scale", "zeroPoint"],
};
