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
  roiAlign,
  scatter,
  scatterAdd,
  topk,
  tril,
  triu,
  where,
} from "../../tensor/index.ts";
import { DataType } from "../protobuf.ts";
import { float, int, text } from "./attribute.ts";
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
  row(topk, (call) => {
    const { writer, node, outputs, attrs } = call;
    const k = writer.longs(`${outputs[0]}/k`, [attrs.k]);
    const attributes = [int("axis", attrs.dim), int("largest", Number(attrs.largest))];
    const found = writer.freshName(`${outputs[0]}/indices`);
    writer.node(node.name, "TopK", [call.inputs[0], k], [outputs[0], found], attributes);
    if (outputs.length === 1) return;
    writer.node(writer.freshNodeName(`${node.name}/indices`), "Cast", [found], [outputs[1]], [int("to", DataType.INT32)]);
  }),
  {
    ...row(roiAlign, (call) => {
      const { rois, output, spatialScale, samplingRatio, aligned } = call.attrs;
      const boxes = rois.flatMap((roi) => roi.slice(1));
      const images = rois.map(([image]) => image);
      const name = call.outputs[0];
      finish(
        call,
        "RoiAlign",
        [call.inputs[0], call.writer.floats(`${name}/boxes`, boxes, [rois.length, 4]), call.writer.longs(`${name}/images`, images)],
        [
          text("coordinate_transformation_mode", aligned ? "half_pixel" : "output_half_pixel"),
          int("output_height", output[0]),
          int("output_width", output[1]),
          int("sampling_ratio", Math.max(0, samplingRatio)),
          float("spatial_scale", spatialScale),
        ],
      );
    }),
    late: true,
  },
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
