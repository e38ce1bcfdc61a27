import type { Layer } from "../graph/index.ts";
import { roundHalfEven, Tensor } from "../tensor/index.ts";
import type { SitePlan } from "./plan.ts";
import { isWhole } from "./quantizer/levels.ts";

const INT32_MAX = 2147483647;

/** An int32 bias: real value = codes * scale, one scale per output channel, no zero point. */
export interface BiasCodes {
  readonly codes: Int32Array;
  readonly scale: Float32Array;
}

/**
 * Puts a layer's bias on the grid its integer accumulator has: scale_x * scale_w per output channel (scale_x of the
 * matching input channel when activations have one scale per channel). Returns undefined where a code would not fit
 * int32, or the levels of the weight are no whole numbers: such a bias stays in float. Shape: bias [Co].
 */
export function quantizeBias(bias: Tensor, layer: Layer, activation: SitePlan, weight: SitePlan): BiasCodes | undefined {
  if (weight.levels && !isWhole(weight.levels)) return undefined;
  const n = bias.size;
  const sx = activation.params.scale.data;
  const sw = weight.params.scale.data;
  const codes = new Int32Array(n);
  const scale = new Float32Array(n);
  const filtersPerInput = layer.depthwise ? n / (sx.length === 1 ? n : sx.length) : 1;
  for (let c = 0; c < n; c++) {
    const x = sx[sx.length === 1 ? 0 : Math.floor(c / filtersPerInput)];
    scale[c] = x * sw[sw.length === 1 ? 0 : c];
    const code = roundHalfEven(bias.data[c] / scale[c]);
    if (!(Math.abs(code) <= INT32_MAX) || scale[c] < 2 ** -126) return undefined;
    codes[c] = code;
  }
  return { codes, scale };
}

/** The bias as the integer model sees it: float codes * scale, or unchanged where it stays in float. */
export function biasOnGrid(bias: Tensor, layer: Layer, activation: SitePlan, weight: SitePlan): Tensor {
  const quantized = quantizeBias(bias, layer, activation, weight);
  if (!quantized) return bias;
  const data = new Float32Array(bias.size);
  for (let c = 0; c < data.length; c++) data[c] = quantized.codes[c] * quantized.scale[c];
  return new Tensor(bias.shape, "f32", data);
}
