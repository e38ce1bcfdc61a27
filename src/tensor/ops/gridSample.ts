import { ShapeError } from "../../errors.ts";
import { type Draw, drawTensor } from "../draw.ts";
import { gridSampleGradients } from "../gridSampleGrad.ts";
import { type Call, defineOp, type Op } from "../op.ts";
import { requireFloat, requireRank, requireSameDtype } from "../require.ts";
import { roundHalfEven } from "../round.ts";
import { formatShape } from "../shape.ts";
import { allocate, type Meta, Tensor } from "../tensor.ts";

/** What positions outside the picture read: zeros, the edge, or the picture mirrored. */
export type GridPadding = "zeros" | "border" | "reflection";

/** How `gridSample` reads between and outside the pixels. */
export interface GridSampleAttrs {
  /** Between the four nearest pixels, or the nearest one. */
  readonly mode: "bilinear" | "nearest";
  /** What positions outside the picture read. */
  readonly paddingMode: GridPadding;
  /** Whether -1 and 1 are the centres of the outer pixels (true) or their outer edges. */
  readonly alignCorners: boolean;
}

/** Mirrors a coordinate at both borders until it lies between them. */
function reflect(at: number, low: number, high: number): number {
  const span = high - low;
  if (span === 0) return 0;
  const distance = Math.abs(at - low);
  const rest = distance % span;
  return Math.floor(distance / span) % 2 === 0 ? low + rest : high - rest;
}

/** The pixel coordinate of a grid value in [-1, 1] on an axis of `size` pixels. */
function coordinate(value: number, size: number, { paddingMode, alignCorners }: GridSampleAttrs): number {
  const at = alignCorners ? ((value + 1) / 2) * (size - 1) : ((value + 1) * size - 1) / 2;
  if (paddingMode === "zeros") return at;
  const inner = paddingMode === "border" ? at : alignCorners ? reflect(at, 0, size - 1) : reflect(at, -0.5, size - 0.5);
  return Math.min(Math.max(inner, 0), size - 1);
}

/** Calls `visit(cell, share)` for the pixels inside the picture that one grid position reads. */
function eachCell(gx: number, gy: number, [h, w]: readonly number[], attrs: GridSampleAttrs, visit: (cell: number, share: number) => void) {
  const [x, y] = [coordinate(gx, w, attrs), coordinate(gy, h, attrs)];
  const read = (row: number, column: number, share: number): void => {
    if (row >= 0 && row < h && column >= 0 && column < w) visit(row * w + column, share);
  };
  if (attrs.mode === "nearest") return read(roundHalfEven(y), roundHalfEven(x), 1);
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [u, v] = [x - left, y - top];
  read(top, left, (1 - v) * (1 - u));
  read(top, left + 1, (1 - v) * u);
  read(top + 1, left, v * (1 - u));
  return read(top + 1, left + 1, v * u);
}

function drawGridSample(draw: Draw): Call<GridSampleAttrs> {
  const [n, c, h, w] = [draw.int(1, 2), draw.int(1, 2), draw.int(2, 4), draw.int(2, 4)];
  const attrs: GridSampleAttrs = {
    mode: draw.oneOf(["bilinear", "nearest"] as const),
    paddingMode: draw.oneOf(["zeros", "border", "reflection"] as const),
    alignCorners: draw.bool(),
  };
  const shape = [n, draw.int(1, 3), draw.int(1, 3), 2];
  const data = allocate(draw.dtype, shape[0] * shape[1] * shape[2] * 2);
  for (let i = 0; i < data.length; i++) {
    const size = i % 2 === 0 ? w : h;
    // Clear of whole and half pixels, where values or slopes jump.
    const at = draw.int(-2, size) + draw.oneOf([0.1, 0.6]) + draw.float(0, 0.3);
    data[i] = attrs.alignCorners ? (2 * at) / (size - 1) - 1 : (2 * at + 1) / size - 1;
  }
  return { inputs: [drawTensor(draw, [n, c, h, w]), new Tensor(shape, draw.dtype, data)], attrs };
}

function infer([x, grid]: readonly Meta[]): Meta[] {
  requireFloat("gridSample", "x", x);
  requireSameDtype("gridSample", x, grid, ["x", "grid"]);
  requireRank("gridSample", "x", x, 4);
  requireRank("gridSample", "grid", grid, 4);
  if (grid.shape[3] !== 2 || grid.shape[0] !== x.shape[0] || x.shape[2] === 0 || x.shape[3] === 0) {
    throw new ShapeError(
      "gridSample",
      `grid must be [N,oh,ow,2] for x [N,C,H,W] with at least one pixel, got ${formatShape(grid.shape)} for ${formatShape(x.shape)}`,
    );
  }
  return [{ shape: [x.shape[0], x.shape[1], grid.shape[1], grid.shape[2]], dtype: x.dtype }];
}

/**
 * Reads x [N, C, H, W] at the positions grid [N, oh, ow, 2], column then row, each -1 to 1 across the picture → [N,
 * C, oh, ow]. Defaults are PyTorch's: bilinear, zeros outside, -1 and 1 the outer edges. Gradients flow to both.
 * Source: Jaderberg et al. 2015, eq. 5.
 *
 * Errors: DTypeError for integers or two dtypes, ShapeError unless both have rank 4 and one N, and the grid ends in 2.
 */
export const gridSample: Op<GridSampleAttrs, (x: Tensor, grid: Tensor, options?: Partial<GridSampleAttrs>) => Tensor> = defineOp(
  {
    name: "gridSample",
    infer: (inputs) => infer(inputs),
    reference([x, grid], attrs, [y]) {
      const [n, c, h, w] = x.shape;
      const count = grid.shape[1] * grid.shape[2];
      const sums = new Float64Array(y.size);
      for (let b = 0; b < n; b++) {
        for (let p = 0; p < count; p++) {
          const at = (b * count + p) * 2;
          eachCell(grid.data[at], grid.data[at + 1], [h, w], attrs, (cell, share) => {
            for (let k = 0; k < c; k++) sums[(b * c + k) * count + p] += share * x.data[(b * c + k) * h * w + cell];
          });
        }
      }
      y.data.set(sums);
    },
    vjp: ([g], { inputs: [x, grid], attrs, wants }) => (g ? gridSampleGradients(g, x, grid, attrs, wants) : [undefined, undefined]),
    sample: drawGridSample,
    misuse: (draw) => ({
      inputs: [drawTensor(draw, [1, 1, 2, 2]), drawTensor(draw, [1, 2, 2, 3])],
      attrs: { mode: "bilinear", paddingMode: "zeros", alignCorners: false } as const,
    }),
  },
  (run) =>
    (x: Tensor, grid: Tensor, { mode = "bilinear", paddingMode = "zeros", alignCorners = false }: Partial<GridSampleAttrs> = {}) =>
      run([x, grid], { mode, paddingMode, alignCorners })[0],
);
