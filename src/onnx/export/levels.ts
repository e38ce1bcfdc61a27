import type { SitePlan } from "../../quant/index.ts";
import { encodeLevels, levelAxis } from "../../quant/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { DataType } from "../protobuf.ts";
import { int } from "./attribute.ts";
import { CODE_TYPES, type OnnxWriter } from "./writer.ts";

/** Levels that a 4-bit index tells apart; types of 4 bits need opset 21. */
export const isSmallTable = ({ levels }: SitePlan): boolean => levels !== undefined && levels.shape[levels.shape.length - 1] <= 16;

/** The scales of a site in the shape that broadcasts against its weight. */
const aside = (count: number, rank: number, axis: number | null): number[] =>
  Array.from({ length: rank }, (_, i) => (i === axis ? count : 1));

/**
 * Writes a weight as indices into its table of levels: Cast, Gather and Mul give back level * scale. Where every channel has
 * levels of its own, the tables lie end to end and an Add moves each channel's indices to its own.
 *
 * Errors: ArgumentError for levels or scales that are no grid.
 */
export function writeLevels(writer: OnnxWriter, output: string, value: Tensor, site: SitePlan & { readonly levels: Tensor }): void {
  const { params, scheme, levels } = site;
  const { shape } = value;
  const label = (part: string): string => `${output}/${part}`;
  const node = (type: string, inputs: readonly string[], to: string, attributes: Parameters<OnnxWriter["node"]>[4] = []): string => {
    writer.node(writer.freshNodeName(label(type)), type, inputs, [to], attributes);
    return to;
  };
  const codes = encodeLevels("exportOnnx", value, { scale: params.scale, levels }, scheme);
  const index = codes.data.map((code: number) => code - scheme.qmin);
  const packed = writer.codes(label("codes"), index, shape, isSmallTable(site) ? CODE_TYPES.u4 : CODE_TYPES.u8);
  let at = node("Cast", [packed], writer.freshName(label("index")), [int("to", DataType.INT32)]);
  const axis = levelAxis(levels, scheme);
  if (axis !== null) {
    const [channels, count] = levels.shape;
    const starts = Int32Array.from({ length: channels }, (_, c) => c * count);
    const first = writer.codes(label("first"), starts, aside(channels, shape.length, axis), CODE_TYPES.i32);
    at = node("Add", [at, first], writer.freshName(label("place")));
  }
  const table = writer.floats(label("levels"), levels.data);
  const level = node("Gather", [table, at], writer.freshName(label("level")), [int("axis", 0)]);
  const scale = writer.floats(label("scale"), params.scale.data, aside(params.scale.size, shape.length, scheme.axis));
  node("Mul", [level, scale], output);
}
