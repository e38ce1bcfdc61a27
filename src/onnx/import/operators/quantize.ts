import { fakeQuant, Tensor } from "../../../tensor/index.ts";
import { DataType } from "../../protobuf.ts";
import { typeName } from "../../tensors.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import type { Codes, Operand } from "../operand.ts";

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
    const source = call.input(0);
    const { type, ...parameters } = readParameters(call, source);
    const wanted = call.attributes.int("output_dtype", 0);
    const stored = type ?? (wanted || DataType.UINT8);
    const [qmin, qmax] = CODES.get(stored) ?? call.fail(`codes must be 4, 8 or 16 bit integers, got ${typeName(stored)}`);
    call.define({ meta: source.meta, codes: { source, ...parameters, qmin, qmax } });
  },
};

const dequantizeLinear: OperatorRow = {
  type: "DequantizeLinear",
  build(call) {
    const x = call.input(0);
    call.attributes.ignore("output_dtype");
    const parameters = readParameters(call, x);
    if (x.codes) return fakeQuantize(call, x.codes, parameters);
    const value = x.value ?? call.fail(`input must be a constant or come from QuantizeLinear, got computed "${x.name}"`);
    if (x.onnxType === undefined || !CODES.has(x.onnxType)) call.fail(`input must hold integer codes, got "${x.name}" of ${value.dtype}`);
    const real = dequantized(value, parameters);
    return call.define({ meta: { shape: real.shape, dtype: real.dtype }, value: real });
  },
};

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
