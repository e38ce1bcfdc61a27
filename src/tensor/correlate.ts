import type { Conv2dAttrs } from "./ops/conv2d.ts";
import type { Tensor } from "./tensor.ts";

/** The loops that specify convolution and its two adjoints; all three visit the same products. */

/** Output positions [first, past) for which input position o · stride + shift lies in [0, size). */
function reach(shift: number, stride: number, size: number, count: number): [number, number] {
  const first = Math.max(0, Math.ceil(-shift / stride));
  return [first, Math.min(count, Math.ceil((size - shift) / stride))];
}

/** Calls `visit` for every run of products along a row: y index, x index, weight index, number of columns. */
function eachRow(
  x: readonly number[],
  weight: readonly number[],
  y: readonly number[],
  { stride, padding, dilation, groups }: Conv2dAttrs,
  visit: (iy: number, ix: number, iw: number, columns: number) => void,
): void {
  const [n, ci, h, w] = x;
  const [co, cig, kh, kw] = weight;
  const [, , oh, ow] = y;
  const perGroup = co / groups;
  for (let b = 0; b < n; b++) {
    for (let o = 0; o < co; o++) {
      const base = Math.floor(o / perGroup) * cig;
      for (let c = 0; c < cig; c++) {
        for (let r = 0; r < kh; r++) {
          const top = r * dilation[0] - padding[0];
          const [y0, y1] = reach(top, stride[0], h, oh);
          for (let s = 0; s < kw; s++) {
            const left = s * dilation[1] - padding[2];
            const [x0, x1] = reach(left, stride[1], w, ow);
            const iw = ((o * cig + c) * kh + r) * kw + s;
            for (let i = y0; i < y1; i++) {
              const row = ((b * ci + base + c) * h + i * stride[0] + top) * w;
              if (x1 > x0) visit(((b * co + o) * oh + i) * ow + x0, row + x0 * stride[1] + left, iw, x1 - x0);
            }
          }
        }
      }
    }
  }
}

/** y = x correlated with weight, plus bias. */
export function correlate(x: Tensor, weight: Tensor, bias: Tensor | undefined, attrs: Conv2dAttrs, y: Tensor): void {
  const sums = new Float64Array(y.size);
  const [, co, oh, ow] = y.shape;
  if (bias) for (let i = 0; i < sums.length; i++) sums[i] = bias.data[Math.floor(i / (oh * ow)) % co];
  const step = attrs.stride[1];
  eachRow(x.shape, weight.shape, y.shape, attrs, (iy, ix, iw, columns) => {
    const k = weight.data[iw];
    for (let j = 0; j < columns; j++) sums[iy + j] += x.data[ix + j * step] * k;
  });
  y.data.set(sums);
}

/** out = the adjoint of `correlate` in x, applied to g, plus bias per channel of out. */
export function spreadInput(g: Tensor, weight: Tensor, attrs: Conv2dAttrs, out: Tensor, bias?: Tensor): void {
  const sums = new Float64Array(out.size);
  const [, ci, h, w] = out.shape;
  if (bias) for (let i = 0; i < sums.length; i++) sums[i] = bias.data[Math.floor(i / (h * w)) % ci];
  const step = attrs.stride[1];
  eachRow(out.shape, weight.shape, g.shape, attrs, (iy, ix, iw, columns) => {
    const k = weight.data[iw];
    for (let j = 0; j < columns; j++) sums[ix + j * step] += g.data[iy + j] * k;
  });
  out.data.set(sums);
}

/** out = the adjoint of `correlate` in the weight, applied to g. */
export function spreadWeight(x: Tensor, g: Tensor, attrs: Conv2dAttrs, out: Tensor): void {
  const sums = new Float64Array(out.size);
  const step = attrs.stride[1];
  eachRow(x.shape, out.shape, g.shape, attrs, (iy, ix, iw, columns) => {
    let sum = 0;
    for (let j = 0; j < columns; j++) sum += x.data[ix + j * step] * g.data[iy + j];
    sums[iw] += sum;
  });
  out.data.set(sums);
}
