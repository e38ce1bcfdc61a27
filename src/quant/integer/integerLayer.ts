import { ArgumentError } from "../../errors.ts";
import type { Graph, Layer } from "../../graph/index.ts";
import { type Conv2dAttrs, roundHalfEven, type Tensor } from "../../tensor/index.ts";
import { quantizeBias } from "../bias.ts";
import { biasOf, type Plan, type SitePlan, weightOf } from "../plan.ts";
import { indexOfLevels, isWhole, levelAxis, lookUp } from "../quantizer/levels.ts";
import type { ChannelBias } from "./finishRecord.ts";
import { entryOf, type Grid, gridOf, isPerChannel } from "./grid.ts";

/** A convolution in integers: sum over terms of weight * (code - zero point), then (sum + bias) * multiplier. */
export interface IntegerLayer {
  readonly layer: Layer;
  readonly attrs: Conv2dAttrs;
  readonly input: Grid;
  /** Weights in whole numbers of their scale, [Co, Ci / groups, kh, kw]. */
  readonly weight: Int16Array | Int32Array;
  /** Whether every weight is 0 or plus or minus a power of two, so that sums take shifts and no products. */
  readonly shifts: boolean;
  readonly weightShape: readonly number[];
  readonly channels: readonly ChannelBias[];
}

/** Codes of a weight on its site's grid, zero points taken off. */
export function centredCodes(weight: Tensor, { params, scheme }: SitePlan): Int16Array {
  const inner = scheme.axis === null ? weight.size : weight.shape.slice(scheme.axis + 1).reduce((a, d) => a * d, 1);
  const channels = params.scale.size;
  const codes = new Int16Array(weight.size);
  for (let i = 0; i < codes.length; i++) {
    const c = Math.floor(i / inner) % channels;
    const zeroPoint = roundHalfEven(params.zeroPoint.data[c]);
    const code = roundHalfEven(Math.fround(weight.data[i] / params.scale.data[c])) + zeroPoint;
    codes[i] = Math.min(Math.max(code, scheme.qmin), scheme.qmax) - zeroPoint;
  }
  return codes;
}

/** Whether a level is 0 or plus or minus a power of two that a shift of int32 reaches. */
const isShift = (level: number): boolean => {
  const size = Math.abs(level);
  return Number.isInteger(size) && size <= 2 ** 30 && (size & (size - 1)) === 0;
};

/** The largest whole number that a product of 16-bit terms takes. */
const LARGEST_TERM = 32767;

/** Weights in whole numbers of their scale; undefined where their levels are none, or too large for a product. */
function wholeWeights(value: Tensor, site: SitePlan): Pick<IntegerLayer, "weight" | "shifts"> | undefined {
  const { params, scheme, levels } = site;
  if (!levels) return { weight: centredCodes(value, site), shifts: false };
  const shifts = levels.data.every(isShift);
  const small = isWhole(levels) && levels.data.every((v: number) => Math.abs(v) <= LARGEST_TERM);
  if (!shifts && !small) return undefined;
  const index = indexOfLevels(value, { scale: params.scale, levels }, scheme);
  const whole = lookUp(levels, index, levelAxis(levels, scheme)).data;
  return shifts ? { weight: Int32Array.from(whole), shifts } : { weight: Int16Array.from(whole), shifts };
}

/**
 * A quantized layer as integers, or undefined where no integer kernel takes it: transposed convolutions, matrix products,
 * codes wider than a byte, levels that are no whole numbers, channel scales on anything but a depthwise input, a fixed batch of several images. Such a layer is
 * simulated in float.
 *
 * Errors: ArgumentError where a sum could leave int32.
 */
export function integerLayer(graph: Graph, plan: Plan, layer: Layer): IntegerLayer | undefined {
  const activation = plan.activations.get(layer.input);
  const weight = plan.weights.get(layer.weight);
  if (layer.kind !== "conv2d" || !activation || !weight || weight.scheme.bits > 8) return undefined;
  const input = gridOf(activation);
  const byChannel = weight.scheme.axis === null || weight.scheme.axis === layer.channelAxis;
  const single = graph.metas.get(layer.input)?.shape[0] === 1;
  if (!input || !byChannel || !single || (isPerChannel(input) && !layer.depthwise)) return undefined;
  const value = weightOf(graph, plan, layer);
  const weightZero = weight.params.zeroPoint.data;
  if (Array.from(weightZero).some((z) => Math.abs(z) > 2 ** 14)) return undefined;
  const whole = wholeWeights(value, weight);
  if (!whole) return undefined;
  const channels = channelsOf(biasOf(graph, plan, layer), layer, activation, weight, value.shape[0]);
  requireInt32(layer, input, whole.weight, channels);
  return { layer, attrs: layer.attrs as Conv2dAttrs, input, ...whole, weightShape: value.shape, channels };
}

/** Multiplier and bias per output channel; a bias that does not fit its int32 grid is added in float. */
function channelsOf(bias: Tensor | undefined, layer: Layer, activation: SitePlan, weight: SitePlan, count: number): ChannelBias[] {
  const coded = bias && quantizeBias(bias, layer, activation, weight);
  const [sx, sw] = [activation.params.scale.data, weight.params.scale.data];
  const filtersPerInput = layer.depthwise && sx.length > 1 ? count / sx.length : 1;
  return Array.from({ length: count }, (_, c) => {
    const multiplier = Math.fround(entryOf(sx, Math.floor(c / filtersPerInput)) * entryOf(sw, c));
    return { codes: coded?.codes[c] ?? 0, multiplier, real: coded || !bias ? 0 : bias.data[c] };
  });
}

function requireInt32(
  { name }: Layer,
  { qmin, qmax, zeroPoint }: Grid,
  weight: IntegerLayer["weight"],
  channels: readonly ChannelBias[],
): void {
  const largest = zeroPoint.reduce((most, z) => Math.max(most, Math.abs(qmin - z), Math.abs(qmax - z)), 0);
  const terms = weight.length / channels.length;
  channels.forEach(({ codes }, c) => {
    let sum = 0;
    for (let k = 0; k < terms; k++) sum += Math.abs(weight[c * terms + k]);
    const most = sum * largest + Math.abs(codes);
    if (most > 2147483647) {
      throw new ArgumentError(
        "prepareInteger",
        `sums must stay within int32, got up to ${most} (layer "${name}", output channel ${c}, ${terms} terms)`,
      );
    }
  });
}
