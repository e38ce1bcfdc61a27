import type { Operand } from "../../../graph/index.ts";
import {
  add,
  cast,
  cumsum,
  equal,
  expand,
  type GridSampleAttrs,
  gather,
  gridSample,
  mul,
  reshape,
  scalar,
  Tensor,
  tril,
  triu,
  where,
} from "../../../tensor/index.ts";
import type { OperatorRow } from "../call.ts";
import { emitBicubic } from "./bicubic.ts";
import { positions } from "./positions.ts";

const whereRow: OperatorRow = { type: "Where", build: (call) => call.write(where, [call.input(0), call.input(1), call.input(2)], {}) };

const cumSum: OperatorRow = {
  type: "CumSum",
  build(call) {
    const x = call.input(0);
    const [axis] = call.numbers(1) ?? call.fail("the axis must be given, got none");
    const [exclusive, reverse] = ["exclusive", "reverse"].map((name) => call.attributes.int(name, 0) !== 0);
    call.write(cumsum, [x], { dim: call.axis(axis, x.meta.shape.length), exclusive, reverse });
  },
};

const tile: OperatorRow = {
  type: "Tile",
  build(call) {
    const x = call.input(0);
    const { shape } = x.meta;
    const repeats = call.numbers(1) ?? [];
    if (repeats.length !== shape.length || repeats.some((r) => r < 0)) {
      call.fail(`repeats must hold ${shape.length} numbers >= 0, got [${repeats.join(",")}]`);
    }
    if (repeats.every((r) => r === 1)) return call.alias(x);
    const apart = call.emit("apart", reshape, [x], { shape: shape.flatMap((d) => [1, d]) });
    const copies = call.emit("copies", expand, [apart], { shape: shape.flatMap((d, i) => [repeats[i], d]) });
    return call.write(reshape, [copies], { shape: shape.map((d, i) => d * repeats[i]) });
  },
};

/** No file may ask for more classes. */
const LARGEST_DEPTH = 2 ** 20;

/** off + (on - off) where the index is k or k - depth, on a new axis. */
const oneHot: OperatorRow = {
  type: "OneHot",
  build(call) {
    const given = call.input(0);
    const [depth] = call.numbers(1) ?? call.fail("the depth must be given, got none");
    const values = call.constant(2);
    if (!Number.isInteger(depth) || depth < 1 || depth > LARGEST_DEPTH || values.size !== 2) {
      call.fail(`depth must be in 1..${LARGEST_DEPTH} and values two numbers, got ${depth} and ${values.size}`);
    }
    const [off, on] = values.data;
    const rank = given.meta.shape.length + 1;
    const axis = call.axis(call.attributes.int("axis", -1), rank);
    const index = given.meta.dtype === "i32" ? given : call.emit("whole", cast, [given], { dtype: "i32" as const });
    const shape = [...given.meta.shape];
    shape.splice(axis, 0, 1);
    const line = call.emit("line", reshape, [index], { shape });
    const numbers = (label: string, first: number): Operand => {
      const data = Int32Array.from({ length: depth }, (_, k) => first + k);
      return call.own(label, new Tensor([depth, ...new Array<number>(rank - 1 - axis).fill(1)], "i32", data));
    };
    const hits = [numbers("classes", 0), numbers("fromEnd", -depth)].map((classes, i) =>
      call.emit(`hit${i}`, cast, [call.emit(`equal${i}`, equal, [line, classes], {})], { dtype: values.dtype }),
    );
    const number = (label: string, value: number): Operand => call.own(label, scalar(value, values.dtype));
    const spread = call.emit("spread", mul, [call.emit("hot", add, hits, {}), number("step", on - off)], {});
    call.write(add, [spread, number("off", off)], {});
  },
};

const gatherElements: OperatorRow = {
  type: "GatherElements",
  build(call) {
    const x = call.input(0);
    const dim = call.axis(call.attributes.int("axis", 0), x.meta.shape.length);
    call.write(gather, [x, positions(call, call.input(1), x.meta.shape[dim])], { dim });
  },
};

const trilu: OperatorRow = {
  type: "Trilu",
  build(call) {
    const k = call.numbers(1)?.[0] ?? 0;
    call.write(call.attributes.int("upper", 1) !== 0 ? triu : tril, [call.input(0)], { k });
  },
};

const GRID_MODES: Readonly<Record<string, GridSampleAttrs["mode"]>> = { bilinear: "bilinear", linear: "bilinear", nearest: "nearest" };
const GRID_PADDINGS: readonly string[] = ["zeros", "border", "reflection"] satisfies GridSampleAttrs["paddingMode"][];

const gridSampleRow: OperatorRow = {
  type: "GridSample",
  build(call) {
    const name = call.attributes.string("mode", "bilinear");
    const cubic = name === "bicubic" || name === "cubic";
    const mode =
      GRID_MODES[cubic ? "nearest" : name] ??
      call.fail(`mode must be one of ${Object.keys(GRID_MODES).join(", ")}, bicubic, cubic, got ${name}`);
    const padding = call.attributes.string("padding_mode", "zeros");
    if (!GRID_PADDINGS.includes(padding)) call.fail(`padding_mode must be one of ${GRID_PADDINGS.join(", ")}, got ${padding}`);
    const alignCorners = call.attributes.int("align_corners", 0) !== 0;
    const paddingMode = padding as GridSampleAttrs["paddingMode"];
    if (cubic) return call.settle(emitBicubic(call, call.input(0), call.input(1), { paddingMode, alignCorners }));
    return call.write(gridSample, [call.input(0), call.input(1)], { mode, paddingMode, alignCorners });
  },
};

export const indexingRows: readonly OperatorRow[] = [whereRow, cumSum, tile, oneHot, gatherElements, trilu, gridSampleRow];
