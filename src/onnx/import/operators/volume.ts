import type { Operand } from "../../../graph/index.ts";
import { conv2d, indexSelect, pad, permute, Tensor } from "../../../tensor/index.ts";
import type { NodeCall } from "../call.ts";
import { type Geometry, pictureWindow, splitVolume } from "./window.ts";

/** Zeros around axes 2 and following; negative numbers cut. */
function padded(call: NodeCall, label: string, x: Operand, before: readonly number[], after: readonly number[]): Operand {
  if ([...before, ...after].every((v) => v === 0)) return x;
  const pads = before
    .flatMap((v, i) => [[v, after[i]]])
    .reverse()
    .flat();
  return call.emit(label, pad, [x], { pads, mode: "constant" as const, value: 0 });
}

/**
 * A convolution of volumes as one of pictures: the planes that an output plane reads become channels.
 * x [N, C, D, H, W], weight [M, C/groups, kd, kh, kw] -> [N, M, D', H', W'].
 */
export function emitConv3d(
  call: NodeCall,
  x: Operand,
  weight: Operand,
  bias: readonly Operand[],
  geometry: Geometry,
  groups: number,
): Operand {
  const { plane } = splitVolume(geometry);
  const [stride, dilation, kernel] = [geometry.stride[0], geometry.dilation[0], geometry.kernel[0]];
  const deep = padded(call, "deep", x, [geometry.before[0], 0, 0], [geometry.after[0], 0, 0]);
  const [n, c, depth, h, w] = deep.meta.shape;
  const count = Math.floor((depth - (kernel - 1) * dilation - 1) / stride) + 1;
  if (count < 1) call.fail(`the kernel must fit into the padded depth ${depth}, got ${(kernel - 1) * dilation + 1}`);
  call.makeRoom(count * kernel);
  const read = Int32Array.from({ length: count * kernel }, (_, i) => Math.floor(i / kernel) * stride + (i % kernel) * dilation);
  const planes = call.emit("planes", indexSelect, [deep, call.own("read", new Tensor([read.length], "i32", read))], { dim: 2 });
  const apart = call.shaped("apart", planes, [n, c, count, kernel, h, w]);
  const first = call.emit("first", permute, [apart], { perm: [0, 2, 1, 3, 4, 5] });
  const pictures = call.shaped("pictures", first, [n * count, c * kernel, h, w]);
  const [m, perGroup, , kh, kw] = weight.meta.shape;
  const filters = call.shaped("filters", weight, [m, perGroup * kernel, kh, kw]);
  const { kernel: _, ...window } = pictureWindow(plane);
  const y = call.emit("convolved", conv2d, [pictures, filters, ...bias], { ...window, groups });
  const joined = call.shaped("joined", y, [n, count, ...y.meta.shape.slice(1)]);
  return call.emit("volume", permute, [joined], { perm: [0, 2, 1, 3, 4] });
}

/** x with stride - 1 zeros between neighbours along one axis. */
function spaced(call: NodeCall, x: Operand, axis: number, stride: number): Operand {
  const { shape } = x.meta;
  if (stride === 1 || shape[axis] === 1) return x;
  const inner = shape.length - 1 - axis;
  const apart = call.shaped(`apart${axis}`, x, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
  const zeros = (label: string, from: Operand, after: number): Operand =>
    call.emit(`${label}${axis}`, pad, [from], {
      pads: [...new Array<number>(2 * inner).fill(0), 0, after],
      mode: "constant" as const,
      value: 0,
    });
  const wide = zeros("wide", apart, stride - 1);
  const merged = call.shaped(
    `merged${axis}`,
    wide,
    shape.map((d, i) => (i === axis ? d * stride : d)),
  );
  return zeros("spaced", merged, 1 - stride);
}

/** Weight [C, M/groups, ...] of a transposed convolution as that of the convolution it is: [M, C/groups, ...], turned round. */
function turned(call: NodeCall, weight: Operand, groups: number): Operand {
  const [c, perGroup, ...kernel] = weight.meta.shape;
  const back = kernel.reduce((w, size, i) => {
    const index = Int32Array.from({ length: size }, (_, k) => size - 1 - k);
    return call.emit(`turned${i}`, indexSelect, [w, call.own(`back${i}`, new Tensor([size], "i32", index))], { dim: i + 2 });
  }, weight);
  const grouped = call.shaped("grouped", back, [groups, c / groups, perGroup, ...kernel]);
  const swapped = call.emit("swapped", permute, [grouped], { perm: [0, 2, 1, ...kernel.map((_, i) => i + 3)] });
  return call.shaped("turned", swapped, [groups * perGroup, c / groups, ...kernel]);
}

/** A transposed convolution of volumes: a convolution of the input with zeros between its elements. */
export function emitConvTranspose3d(
  call: NodeCall,
  x: Operand,
  weight: Operand,
  bias: readonly Operand[],
  { geometry, extra, groups }: { readonly geometry: Geometry; readonly extra: readonly number[]; readonly groups: number },
): Operand {
  const { kernel, stride, dilation, before, after } = geometry;
  if (weight.meta.shape[0] % groups !== 0) call.fail(`group must divide the ${weight.meta.shape[0]} channels, got ${groups}`);
  const wide = stride.reduce((y, s, i) => spaced(call, y, i + 2, s), x);
  const reach = kernel.map((k, i) => dilation[i] * (k - 1));
  const ready = padded(
    call,
    "ready",
    wide,
    reach.map((r, i) => r - before[i]),
    reach.map((r, i) => r - after[i] + extra[i]),
  );
  const none = kernel.map(() => 0);
  const plain: Geometry = { kernel, stride: kernel.map(() => 1), dilation, before: none, after: none };
  return emitConv3d(call, ready, turned(call, weight, groups), bias, plain, groups);
}
