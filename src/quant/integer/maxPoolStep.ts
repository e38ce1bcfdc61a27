import type { Node } from "../../graph/index.ts";
import type { MaxPool2dAttrs } from "../../tensor/index.ts";
import { FunctionBuilder, i32, instantiate, load, op } from "../../wasm/index.ts";
import { type Grid, isSigned } from "./grid.ts";
import { type Border, borderOf, padPlanes } from "./pad.ts";
import { blocks, type Draft, type Value } from "./step.ts";

/** A window's maximum in two passes over one bordered plane: along rows, then down columns; sizes in bytes. */
interface Pooling {
  readonly border: Border;
  readonly attrs: MaxPool2dAttrs;
  readonly out: readonly [number, number];
  readonly signed: boolean;
}

/** Maxima commute with rounding to a grid, so pooling runs on codes; padding holds the smallest code. */
export function maxPoolStep(node: Node, read: Value, write: Value, grid: Grid): Draft {
  const attrs = node.attrs as MaxPool2dAttrs;
  const [batch, channels, height, width] = read.shape;
  const out = [write.shape[2], write.shape[3]] as const;
  const pooling: Pooling = { border: poolBorder(height, width, attrs, out), attrs, out, signed: isSigned(grid) };
  const { border } = pooling;
  const sizes = [border.plane, border.plane, border.plane];
  return {
    ...{ name: node.name, kind: "maxPool", reads: [read], writes: [write], constants: [] },
    scratch: blocks(0, sizes).bytes,
    bind(memory) {
      const { arena, u8 } = memory;
      const [padded, across, down] = blocks(memory.scratch, sizes).addresses;
      const key = `integer maxPool ${JSON.stringify(pooling)}`;
      const { pool, pick } = instantiate(key, () => [emitPool(pooling), emitPick(pooling)], arena);
      const [source, target] = [memory.at(read), memory.at(write)];
      return () => {
        for (let c = 0; c < batch * channels; c++) {
          padPlanes(arena, u8, source + c * height * width, 1, border, () => grid.qmin, padded);
          pool(padded, across, down);
          pick(down, target + c * out[0] * out[1]);
        }
      };
    },
  };
}

/** A ceiled output may look further than the stated padding; the border reaches as far. */
function poolBorder(height: number, width: number, { padding, kernel, stride, dilation }: MaxPool2dAttrs, out: readonly number[]): Border {
  const reach = (axis: 0 | 1, size: number): number =>
    Math.max(padding[2 * axis + 1], (out[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1 - size - padding[2 * axis]);
  return borderOf(height, width, [padding[0], reach(0, height), padding[2], reach(1, width)]);
}

/** pool(padded, across, down): maxima of every position at stride 1, whole vectors over the flat plane. */
function emitPool({ border, attrs, signed }: Pooling): FunctionBuilder {
  const f = new FunctionBuilder("pool", ["i32", "i32", "i32"]);
  const [padded, across, down] = f.pointers;
  const i = f.local("i32");
  const best = f.local("v128");
  const pass = (from: typeof padded, to: typeof padded, count: number, step: number) =>
    f.for(i, i32(border.plane), 16, () => {
      f.set(best, load("v128.load", op("i32.add", from, i)));
      for (let k = 1; k < count; k++) {
        f.set(best, op(signed ? "i8x16.max_s" : "i8x16.max_u", best, load("v128.load", op("i32.add", from, i), k * step)));
      }
      f.store("v128.store", op("i32.add", to, i), best);
    });
  pass(padded, across, attrs.kernel[1], attrs.dilation[1]);
  pass(across, down, attrs.kernel[0], attrs.dilation[0] * border.row);
  return f;
}

/** pick(plane, target): the positions the strides keep. */
function emitPick({ border, attrs, out }: Pooling): FunctionBuilder {
  const f = new FunctionBuilder("pick", ["i32", "i32"]);
  const [plane, target] = f.pointers;
  const [y, x, from] = f.locals("i32", 3);
  f.for(y, i32(out[0]), 1, () => {
    f.set(from, plane);
    f.for(x, i32(out[1]), 1, () => {
      f.store("i32.store8", target, load("i32.load8_u", from));
      f.bump(from, attrs.stride[1]);
      f.bump(target, 1);
    });
    f.bump(plane, attrs.stride[0] * border.row);
  });
  return f;
}
