import {
  cast,
  cumsum,
  detach,
  equal,
  greater,
  greaterEqual,
  gridSample,
  less,
  lessEqual,
  type OpDef,
  scatter,
  scatterAdd,
  tril,
  triu,
  where,
} from "../../tensor/index.ts";
import { DataType } from "../protobuf.ts";
import { int, text } from "./attribute.ts";
import { type ExportRow, finish, row, same, step } from "./row.ts";
import { ONNX_TYPE } from "./writer.ts";

/** ONNX compares to truth values; ours are u8. */
const comparison = (op: { readonly def: OpDef<Record<string, never>> }, type: string): ExportRow =>
  row(op, (call) => finish(call, "Cast", [step(call, "truth", type, call.inputs)], [int("to", DataType.UINT8)]));

const triangle = (op: typeof tril, upper: number): ExportRow => ({
  ...row(op, (call) => {
    const k = call.writer.longs(`${call.outputs[0]}/k`, [call.attrs.k], []);
    finish(call, "Trilu", [call.inputs[0], k], [int("upper", upper)]);
  }),
  late: true,
});

/** Comparisons, conversions, and what reads or writes positions. */
export const indexing: readonly ExportRow[] = [
  comparison(equal, "Equal"),
  comparison(greater, "Greater"),
  comparison(greaterEqual, "GreaterOrEqual"),
  comparison(less, "Less"),
  comparison(lessEqual, "LessOrEqual"),
  row(where, (call) => {
    const truth = step(call, "truth", "Cast", [call.inputs[0]], [int("to", DataType.BOOL)]);
    finish(call, "Where", [truth, call.inputs[1], call.inputs[2]]);
  }),
  same(cast, "Cast", ({ dtype }) => [int("to", ONNX_TYPE[dtype])]),
  same(detach, "Identity"),
  row(cumsum, (call) => {
    const { dim, exclusive, reverse } = call.attrs;
    const axis = call.writer.longs(`${call.outputs[0]}/axis`, [dim], []);
    finish(call, "CumSum", [call.inputs[0], axis], [int("exclusive", Number(exclusive)), int("reverse", Number(reverse))]);
  }),
  same(scatter, "ScatterElements", ({ dim }) => [int("axis", dim)]),
  { ...same(scatterAdd, "ScatterElements", ({ dim }) => [int("axis", dim), text("reduction", "add")]), late: true },
  triangle(tril, 0),
  triangle(triu, 1),
  {
    ...same(gridSample, "GridSample", ({ mode, paddingMode, alignCorners }) => [
      int("align_corners", Number(alignCorners)),
      text("mode", mode === "bilinear" ? "linear" : "nearest"),
      text("padding_mode", paddingMode),
    ]),
    late: true,
  },
];
