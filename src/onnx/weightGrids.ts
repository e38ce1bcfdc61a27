import { Tensor } from "../tensor/index.ts";
import { AttributeType, DataType, decodeModel } from "./protobuf.ts";
import { readTensor } from "./tensors.ts";

/** The grid a file keeps a constant's codes on: real value (code - zeroPoint) * scale. */
export interface StoredGrid {
  /** f32 of shape [1] or [C]. */
  readonly scale: Tensor;
  readonly zeroPoint: Tensor;
  /** The lowest code. */
  readonly qmin: number;
  /** The highest code. */
  readonly qmax: number;
  /** The axis of the weight that the scale runs along; null for one scale. */
  readonly axis: number | null;
}

/** Least and largest code of the types a weight may be stored in. */
const CODES: ReadonlyMap<number, readonly [number, number]> = new Map<number, readonly [number, number]>([
  [DataType.UINT8, [0, 255]],
  [DataType.INT8, [-128, 127]],
  [DataType.UINT4, [0, 15]],
  [DataType.INT4, [-8, 7]],
]);

/**
 * The grids of all constants a file stores as codes of at most 8 bits behind a DequantizeLinear, by the name of what comes
 * out of it: `importOnnx` gives a graph with their real values under the same names.
 *
 * Errors: ArgumentError naming `file`.
 */
export function weightGrids(bytes: Uint8Array, file: string): Map<string, StoredGrid> {
  const { graph } = decodeModel(bytes, file);
  const initializers = new Map((graph?.initializer ?? []).map((proto) => [proto.name, proto]));
  const grids = new Map<string, StoredGrid>();
  for (const node of graph?.node ?? []) {
    if (node.opType !== "DequantizeLinear") continue;
    const [codes, scale, zeroPoint] = node.input.map((name) => initializers.get(name));
    const range = codes && CODES.get(codes.dataType);
    if (!range || !scale) continue;
    const scales = readTensor(scale, file);
    const zeros = zeroPoint && readTensor(zeroPoint, file);
    const count = scales.size;
    if (zeros && zeros.size !== count) continue;
    const given = node.attribute.find((a) => a.name === "axis" && a.type === AttributeType.INT);
    const flat = (values: ArrayLike<number>): Tensor => new Tensor([count], "f32", Float32Array.from(values));
    const axis = count === 1 ? null : Number(given?.i ?? 1);
    if (axis !== null && axis < 0) continue;
    grids.set(node.output[0], {
      scale: flat(scales.data),
      zeroPoint: flat(zeros?.data ?? new Float32Array(count)),
      qmin: range[0],
      qmax: range[1],
      axis,
    });
  }
  return grids;
}
