import type { Codes, Operand } from "../../../graph/index.ts";
import { add, clamp, div, fakeQuant, mul, round, sizeOf, sub, Tensor } from "../../../tensor/index.ts";
import { DataType } from "../../protobuf.ts";
import { dtypeOf, typeName } from "../../tensors.ts";
import type { NodeCall, OperatorRow } from "../call.ts";

/** Least and largest code of the integer types a quantized tensor may have. */
const CODES: ReadonlyMap<number, readonly [number, number]> = new Map<number, readonly [number, number]>([
  [DataType.UINT8, [0, 255]],
  [DataType.INT8, [-128, 127]],
  [DataType.UINT16, [0, 65535]],
  [DataType.INT16, [-32768, 32767]],
  [DataType.UINT4, [0, 15]],
  [DataType.INT4, [-8, 7]],
  [DataType.INT32, [-2147483648, 2147483647]],
]);

/** Scale and zero point of a (de)quantizing node, checked, as f32 [1] or [C]. */
interface QuantizationParameters {
  readonly scale: Tensor;
  readonly zeroPoint: Tensor;
  readonly axis: number | null;
  readonly type: number | undefined;
}

function readParameters(call: NodeCall, x: Operand): QuantizationParameters {
  const scale = call.constant(1);
  const zero = call.optional(2);
  const bad = scale.data.findIndex((s: number) => !(s > 0) || !Number.isFinite(s));
  if (bad >= 0 || scale.size === 0)
    call.fail(`every scale must be positive and finite, got ${scale.data[bad] ?? "none"} in "${call.input(1).name}"`);
  if (call.attributes.int("block_size", 0) !== 0) call.fail("block_size must be 0, got blocked quantization");
  call.attributes.ignore("saturate", "precision");
  const given = call.attributes.int("axis", 1);
  let axis: number | null = null;
  if (scale.size > 1) {
    axis = call.axis(given, x.meta.shape.length);
    if (scale.shape.length !== 1 || scale.size !== x.meta.shape[axis]) {
      call.fail(`scale must have one entry per channel of axis ${axis} = ${x.meta.shape[axis]}, got [${scale.shape.join(",")}]`);
    }
  }
  const zeroPoint = zero ? call.constant(2) : undefined;
  if (zeroPoint && zeroPoint.size !== scale.size)
    call.fail(`zero point must have ${scale.size} entries as scale has, got ${zeroPoint.size}`);
  const flat = (values: ArrayLike<number>): Tensor => new Tensor([scale.size], "f32", Float32Array.from(values));
  return { scale: flat(scale.data), zeroPoint: flat(zeroPoint?.data ?? new Float32Array(scale.size)), axis, type: zero?.onnxType };
}

const quantizeLinear: OperatorRow = {
  type: "QuantizeLinear",
  build(call) {
    const [source, scale, zero] = [call.input(0), call.input(1), call.optional(2)];
    const stored = codeType(zero) ?? (call.attributes.int("output_dtype", 0) || DataType.UINT8);
    const [qmin, qmax] = CODES.get(stored) ?? call.fail(`codes must be 4, 8 or 16 bit integers, got ${typeName(stored)}`);
    if (!scale.value || (zero && !zero.value)) return call.settle(quantized(call, source, { scale, zero, axis: axisOf(call), stored }));
    const { type: _, ...parameters } = readParameters(call, source);
    const y = quantized(call, source, { scale, zero, axis: parameters.axis, stored });
    return call.settle({ ...y, codes: { source, ...parameters, qmin, qmax } });
  },
};

/** The type of codes with such a zero point. */
function codeType(zero: Operand | undefined): number | undefined {
  if (!zero) return undefined;
  return zero.onnxType ?? (zero.meta.dtype === "u8" ? DataType.UINT8 : zero.meta.dtype === "i8" ? DataType.INT8 : undefined);
}

/** The axis of parameters that are computed; those with one entry have none. */
function axisOf(call: NodeCall): number | null {
  call.attributes.ignore("saturate", "precision", "block_size");
  const axis = call.attributes.int("axis", 1);
  const [x, scale] = [call.input(0).meta.shape, call.input(1).meta.shape];
  return scale.length === 0 || sizeOf(scale) === 1 ? null : call.axis(axis, x.length);
}

/** A parameter of one entry, or one for each position of an axis, so that it broadcasts to a tensor of `rank` axes. */
function along(call: NodeCall, label: string, p: Operand, axis: number | null, rank: number): Operand {
  const entries = sizeOf(p.meta.shape);
  return call.shaped(label, p, axis === null ? [] : [entries, ...new Array<number>(rank - 1 - axis).fill(1)]);
}

interface Rule {
  readonly scale: Operand;
  readonly zero: Operand | undefined;
  readonly axis: number | null;
  /** Type of the codes, an ONNX number. */
  readonly stored: number;
}

/** round(x / scale) + zero point within the range of the codes, as integers. */
export function quantized(call: NodeCall, x: Operand, { scale, zero, axis, stored }: Rule): Operand {
  const [min, max] = CODES.get(stored) ?? call.fail(`codes must be 4, 8 or 16 bit integers, got ${typeName(stored)}`);
  const dtype = dtypeOf(stored) ?? call.fail(`codes must be of a type known here, got ${typeName(stored)}`);
  const rank = x.meta.shape.length;
  const steps = call.converted("steps", along(call, "scaleAlong", scale, axis, rank), x.meta.dtype);
  const nearest = call.emit("nearest", round, [call.emit("scaled", div, [x, steps], {})], {});
  const offset = zero && call.converted("offset", along(call, "zeroAlong", zero, axis, rank), x.meta.dtype);
  const moved = offset ? call.emit("moved", add, [nearest, offset], {}) : nearest;
  const codes = call.converted("codes", call.emit("clipped", clamp, [moved], { min, max }), dtype);
  return { ...codes, onnxType: stored };
}

const dequantizeLinear: OperatorRow = {
  type: "DequantizeLinear",
  build(call) {
    const [x, scale, zero] = [call.input(0), call.input(1), call.optional(2)];
    call.attributes.ignore("output_dtype");
    const known = scale.value && (!zero || zero.value);
    if (known && x.codes) return fakeQuantize(call, x.codes, readParameters(call, x));
    const { dtype } = x.meta;
    if (dtype === "f32" || dtype === "f64" || (x.onnxType !== undefined && !CODES.has(x.onnxType)))
      call.fail(`input must hold integer codes, got "${x.name}" of ${dtype}`);
    if (!known || !x.value) return call.settle(restored(call, x, scale, zero));
    const real = dequantized(x.value, readParameters(call, x));
    return call.define({ meta: { shape: real.shape, dtype: real.dtype }, value: real });
  },
};

/** (code - zero point) * scale of computed codes or parameters. */
function restored(call: NodeCall, x: Operand, scale: Operand, zero: Operand | undefined): Operand {
  const axis = axisOf(call);
  const rank = x.meta.shape.length;
  const real = call.converted("real", x, "f32");
  const offset = zero && call.converted("offset", along(call, "zeroAlong", zero, axis, rank), "f32");
  const moved = offset ? call.emit("moved", sub, [real, offset], {}) : real;
  return call.emit("restored", mul, [moved, along(call, "scaleAlong", scale, axis, rank)], {});
}

/** A QuantizeLinear and DequantizeLinear pair with equal parameters is one fakeQuant. */
function fakeQuantize(call: NodeCall, codes: Codes, { scale, zeroPoint, axis }: QuantizationParameters): void {
  const equal = (a: Tensor, b: Tensor): boolean => a.size === b.size && a.data.every((v: number, i: number) => v === b.data[i]);
  if (!equal(codes.scale, scale) || !equal(codes.zeroPoint, zeroPoint) || codes.axis !== axis) {
    call.fail(`scale, zero point and axis must equal those of the QuantizeLinear of "${codes.source.name}", got others`);
  }
  const { qmin, qmax } = codes;
  call.write(fakeQuant, [codes.source, call.own("scale", scale), call.own("zeroPoint", zeroPoint)], { qmin, qmax, axis });
}

/** (code - zero point) * scale, rounded to f32 after each step as a runtime does. */
function dequantized(codes: Tensor, { scale, zeroPoint, axis }: QuantizationParameters): Tensor {
  const inner = axis === null ? 1 : codes.shape.slice(axis + 1).reduce((a, d) => a * d, 1);
  const real = Float32Array.from(codes.data, (code, i) => {
    const c = axis === null ? 0 : Math.floor(i / inner) % scale.size;
    return Math.fround(code - zeroPoint.data[c]) * scale.data[c];
  });
  return new Tensor(codes.shape, "f32", real);
}

export const quantizeRows: readonly OperatorRow[] = [quantizeLinear, dequantizeLinear];
