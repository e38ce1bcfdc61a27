import { ArgumentError } from "../../errors.ts";
import { concat, expand, gather, indexSelect, interpolate, type PadMode, pad, permute, reshape, slice } from "../../tensor/index.ts";
import { int, ints, text } from "./attribute.ts";
import { type ExportRow, finish, row, same } from "./row.ts";

const PAD_MODES: Readonly<Record<PadMode, string | undefined>> = {
  constant: "constant",
  reflect: "reflect",
  replicate: "edge",
  circular: undefined, // "wrap" exists from opset 19 only
};

/** Rearrangements, selections and resizing. */
export const shaping: readonly ExportRow[] = [
  same(concat, "Concat", ({ dim }) => [int("axis", dim)]),
  same(permute, "Transpose", ({ perm }) => [ints("perm", perm)]),
  same(indexSelect, "Gather", ({ dim }) => [int("axis", dim)]),
  same(gather, "GatherElements", ({ dim }) => [int("axis", dim)]),
  row(reshape, (call) => finish(call, "Reshape", [call.inputs[0], call.writer.longs(`${call.outputs[0]}/shape`, [...call.attrs.shape])])),
  row(expand, (call) => finish(call, "Expand", [call.inputs[0], call.writer.longs(`${call.outputs[0]}/shape`, [...call.attrs.shape])])),
  row(slice, (call) => {
    const { start, end, dim, step: stride } = call.attrs;
    const bounds = [
      ["starts", start],
      ["ends", end],
      ["axes", dim],
      ["steps", stride],
    ] as const;
    finish(call, "Slice", [call.inputs[0], ...bounds.map(([label, value]) => call.writer.longs(`${call.outputs[0]}/${label}`, [value]))]);
  }),
  row(pad, (call) => {
    const { pads, mode, value } = call.attrs;
    const rank = call.metas[0].shape.length;
    const name = PAD_MODES[mode];
    if (name === undefined)
      throw new ArgumentError("exportOnnx", `padding must be constant, reflect or replicate, got ${mode} (node "${call.node.name}")`);
    const at = (axis: number, side: number): number => pads[2 * (rank - 1 - axis) + side] ?? 0;
    const axes = Array.from({ length: rank }, (_, i) => i);
    const amounts = call.writer.longs(`${call.outputs[0]}/pads`, [...axes.map((a) => at(a, 0)), ...axes.map((a) => at(a, 1))]);
    const fill = mode === "constant" && value !== 0 ? [call.writer.floats(`${call.outputs[0]}/value`, [value], [])] : [];
    finish(call, "Pad", [call.inputs[0], amounts, ...fill], [text("mode", name)]);
  }),
  row(interpolate, (call) => {
    const { size, step: stride, mode, coordinate, rounding } = call.attrs;
    const { shape } = call.metas[0];
    const scales = stride.map((s) => Math.fround(1 / s));
    const byScale = scales.every((s, i) => Math.floor(shape[2 + i] * s) === size[i] && s * stride[i] === 1);
    const target = byScale
      ? ["", call.writer.floats(`${call.outputs[0]}/scales`, [1, 1, ...scales])]
      : ["", "", call.writer.longs(`${call.outputs[0]}/sizes`, [shape[0], shape[1], ...size])];
    finish(
      call,
      "Resize",
      [call.inputs[0], ...target],
      [
        text("coordinate_transformation_mode", coordinate),
        text("mode", mode === "nearest" ? "nearest" : "linear"),
        text("nearest_mode", rounding),
      ],
    );
  }),
];
