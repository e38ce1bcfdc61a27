import { ArgumentError } from "../errors.ts";
import { type StoredPair, type StoredRule, storedPairs } from "../onnx/index.ts";
import { didYouMean } from "../suggest.ts";
import { roundHalfEven } from "../tensor/index.ts";
import { type Block, channelAt, entry, type UniformQuantizer } from "./fixedQuantizer.ts";
import { defineLaw, type Law } from "./law.ts";
import { firstWrong } from "./quantizerLaws.ts";
import { uniformLaws } from "./uniformLaws.ts";

/** A quantized tensor of an ONNX file, as the laws see it: what its nodes compute by the standard. */
export interface OnnxQuantizer extends UniformQuantizer {
  /** The axis of its parameters, 0 or more; null for one scale. */
  readonly axis: number | null;
  /** What the file says. */
  readonly stored: StoredPair;
}

/** The rule of a node ready to use: one axis or none, a zero point for every scale. */
interface Rule {
  readonly scale: ArrayLike<number>;
  readonly zeroPoint: ArrayLike<number>;
  readonly axis: number | null;
  readonly qmin: number;
  readonly qmax: number;
}

function readyRule({ scale, zeroPoint, axis, qmin, qmax, node }: StoredRule, rank: number | undefined, file: string): Rule {
  const zeros = zeroPoint?.data ?? new Float32Array(scale.size);
  if (scale.size === 1) return { scale: scale.data, zeroPoint: zeros, axis: null, qmin, qmax };
  if (axis < 0 && rank === undefined)
    throw new ArgumentError(file, `the axis of a tensor without a stated shape must be 0 or more, got ${axis} (node "${node}")`);
  return { scale: scale.data, zeroPoint: zeros, axis: axis < 0 ? axis + (rank ?? 0) : axis, qmin, qmax };
}

/** QuantizeLinear: round half to even of the float32 quotient, plus the zero point, clipped to the codes. */
function quantizeLinear(rule: Rule, x: Float32Array, shape: readonly number[]): Int32Array {
  const { scale, zeroPoint, qmin, qmax } = rule;
  return Int32Array.from(x, (v, i) => {
    const c = channelAt(rule, shape, i);
    return Math.min(qmax, Math.max(qmin, roundHalfEven(Math.fround(v / entry(scale, c))) + entry(zeroPoint, c)));
  });
}

/** DequantizeLinear: (code - zero point) * scale in float32. */
const dequantizeLinear = (rule: Rule, codes: Int32Array, shape: readonly number[]): Float32Array =>
  Float32Array.from(codes, (code, i) => {
    const c = channelAt(rule, shape, i);
    return (code - entry(rule.zeroPoint, c)) * entry(rule.scale, c);
  });

function quantizerOf(stored: StoredPair, file: string, fitted: Block | undefined): OnnxQuantizer {
  const after = readyRule(stored.dequantize, stored.rank, file);
  const before = stored.quantize ? readyRule(stored.quantize, stored.rank, file) : after;
  const quantize = (x: Float32Array, shape: readonly number[]): Int32Array => quantizeLinear(before, x, shape);
  const dequantize = (codes: Int32Array, shape: readonly number[]): Float32Array => dequantizeLinear(after, codes, shape);
  const { scale, zeroPoint, axis, qmin, qmax } = before;
  return {
    ...{ name: stored.name, stored, scale, zeroPoint, axis, qmin, qmax, quantize, dequantize },
    channels: axis === null ? 1 : (stored.codes?.shape[axis] ?? scale.length),
    fakeQuant: (x, shape) => dequantize(quantize(x, shape), shape),
    ...(fitted && { fitted }),
  };
}

/**
 * Every quantized tensor of an ONNX file, by whatever tool, for `onnxLaws`.
 *
 * Errors: ArgumentError naming `file` where it is no ONNX file or an axis cannot be told.
 */
export const onnxQuantizers = (bytes: Uint8Array, file = "model.onnx"): OnnxQuantizer[] =>
  storedPairs(bytes, file).map((stored) => quantizerOf(stored, file, undefined));

/** What `onnxQuantizer` takes beside the file. */
export interface OnnxQuantizerOptions {
  /** The file's name for messages. Default "model.onnx". */
  readonly file?: string;
  /** Real values of the tensor: the float weight, or an activation. `onnxLaws` then hold the codes to them. */
  readonly values?: Block;
}

/**
 * One quantized tensor of an ONNX file, by the name of the float tensor before its QuantizeLinear or after its
 * DequantizeLinear.
 *
 * Errors: ArgumentError where the file has none of that name.
 */
export function onnxQuantizer(
  bytes: Uint8Array,
  tensor: string,
  { file = "model.onnx", values }: OnnxQuantizerOptions = {},
): OnnxQuantizer {
  const pairs = storedPairs(bytes, file);
  const found = pairs.find(({ name, source }) => name === tensor || source === tensor);
  if (found) return quantizerOf(found, file, values);
  const known = pairs.flatMap(({ name, source }) => (source === undefined ? [name] : [source, name]));
  const hint = known.length === 0 ? "the file has none" : didYouMean(tensor, known);
  throw new ArgumentError(file, `the tensor must be a quantized one, got "${tensor}" (${hint})`);
}

const STANDARD = "ONNX QuantizeLinear and DequantizeLinear";
const alike = (a: ArrayLike<number>, b: ArrayLike<number>): boolean =>
  a.length === b.length && Array.from(a).every((v, i) => v === b[i] || Object.is(v, b[i]));

const agrees = defineLaw<OnnxQuantizer>({
  name: "has one grid in both nodes of a pair",
  source: STANDARD,
  applies: ({ stored }) => stored.quantize !== undefined,
  violation({ stored: { quantize, dequantize } }) {
    if (!quantize) return undefined;
    const nodes = { quantize: quantize.node, dequantize: dequantize.node };
    const zeros = ({ zeroPoint, scale }: StoredRule): ArrayLike<number> => zeroPoint?.data ?? new Float32Array(scale.size);
    const rows: readonly (readonly [string, ArrayLike<number>, ArrayLike<number>])[] = [
      ["scale", quantize.scale.data, dequantize.scale.data],
      ["zero point", zeros(quantize), zeros(dequantize)],
      ["codes", [quantize.qmin, quantize.qmax], [dequantize.qmin, dequantize.qmax]],
      ["axis", quantize.scale.size === 1 ? [] : [quantize.axis], dequantize.scale.size === 1 ? [] : [dequantize.axis]],
    ];
    const wrong = rows.find(([, a, b]) => !alike(a, b));
    if (!wrong) return undefined;
    const [what, a, b] = wrong;
    return {
      must: `the ${what} of DequantizeLinear must be [${Array.from(a)}], that of QuantizeLinear`,
      got: `[${Array.from(b)}]`,
      at: nodes,
    };
  },
});

const axisExists = defineLaw<OnnxQuantizer>({
  name: "has an axis with as many entries as scales",
  source: STANDARD,
  applies: ({ axis, stored }) => axis !== null && stored.codes !== undefined,
  violation({ axis, scale, stored: { codes } }) {
    const shape = codes?.shape ?? [];
    const length = shape[axis ?? 0];
    return length === scale.length
      ? undefined
      : { must: `axis ${axis} must have ${scale.length} entries, as many as scales`, got: `${length}`, at: { shape: [...shape] } };
  },
});

const outputAxis = defineLaw<OnnxQuantizer>({
  name: "has a scale for each output channel, where a weight has many",
  source: "Krishnamoorthi 2018, section 2.4; an axis left out means 1, which is the input channels of Conv",
  applies: ({ axis, stored }) => axis !== null && stored.outputAxis !== undefined,
  violation: ({ axis, stored: { codes, outputAxis: want } }) =>
    axis === want
      ? undefined
      : { must: `the axis must be ${want}, that of the output channels`, got: `${axis}`, at: { shape: [...(codes?.shape ?? [])] } },
});

const meansItsValues = defineLaw<OnnxQuantizer>({
  name: "keeps the given values within a step, or at an end",
  source: "Nagel et al. 2020 (AdaRound), eq. 5: one of the two neighbours",
  applies: ({ fitted }) => fitted !== undefined,
  violation(quantizer) {
    const { fitted, stored, scale } = quantizer;
    if (!fitted) return undefined;
    const { x, shape } = fitted;
    if (stored.codes && stored.codes.size !== x.length)
      return { must: `there must be ${x.length} codes, one a value`, got: `${stored.codes.size}`, at: { shape: [...shape] } };
    const codes = Int32Array.from(stored.codes?.data ?? quantizer.quantize?.(x, shape) ?? []);
    const [low, high] = endsInUse(quantizer, codes);
    const y = quantizer.dequantize?.(codes, shape) ?? [];
    return firstWrong(quantizer, fitted, (i) => {
      const s = entry(scale, channelAt(quantizer, shape, i));
      const clipped = (codes[i] === high && x[i] > y[i]) || (codes[i] === low && x[i] < y[i]);
      if (clipped || Math.abs(y[i] - x[i]) <= s * (1 + 1e-6) + Math.abs(x[i]) * 2 ** -22) return undefined;
      return { must: `the code of x must mean x within a step, ${s}`, got: `${codes[i]}, which means ${y[i]}` };
    });
  },
});

/** The codes values are clipped to: of stored codes the outermost, since 6 bits may be stored in 8. */
function endsInUse({ stored, qmin, qmax }: OnnxQuantizer, codes: Int32Array): readonly [number, number] {
  if (!stored.codes) return [qmin, qmax];
  return [codes.reduce((a, b) => Math.min(a, b), qmax), codes.reduce((a, b) => Math.max(a, b), qmin)];
}

/** What a file's quantized tensors obey: parameters that make sense, nodes that agree, and the laws of uniform grids. */
export const onnxLaws: readonly Law<OnnxQuantizer>[] = [agrees, axisExists, outputAxis, meansItsValues, ...uniformLaws];
