import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Picture, preprocess, resize } from "../../src/data/index.ts";
import type { Box, InputSpec } from "../../src/detect/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";
import { runs } from "../runs.ts";

const spec: InputSpec = {
  width: 8,
  height: 6,
  layout: "NCHW",
  color: "RGB",
  resize: "letterbox",
  anchor: "topLeft",
  fill: 114,
  mean: [0, 0, 0],
  std: [1, 1, 1],
};

const solid = (width: number, height: number, rgb: readonly number[]): Picture => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => rgb[i % 3]),
});

describe("resize", () => {
  it("is bilinear with half-pixel centres and repeated edges", () => {
    const picture: Picture = { width: 2, height: 1, data: Uint8Array.of(0, 0, 0, 100, 100, 100) };
    const wider = resize(picture, 4, 1);
    expect([0, 1, 2, 3].map((x) => wider.data[x * 3])).toEqual([0, 25, 75, 100]);
  });

  it("keeps a solid picture solid", () => {
    const out = resize(solid(13, 7, [3, 140, 255]), 5, 9);
    expect([...out.data]).toEqual([...solid(5, 9, [3, 140, 255]).data]);
  });
});

describe("preprocess", () => {
  /** Row y of channel c of an 8 x 6 input. */
  const row = ({ data }: Tensor, c: number, y: number) => [...data.subarray((c * 6 + y) * 8, (c * 6 + y) * 8 + 8)];
  const border = Array.from({ length: 8 }, () => 114);

  it("letterboxes from the top left with the fill level", () => {
    const { x } = preprocess(solid(4, 4, [10, 20, 30]), spec);
    expect(x.shape).toEqual([1, 3, 6, 8]);
    expect(row(x, 0, 0)).toEqual([10, 10, 10, 10, 10, 10, 114, 114]);
    expect(row(x, 2, 5)).toEqual([30, 30, 30, 30, 30, 30, 114, 114]);
  });

  it("letterboxes in the middle, an odd column or row of border last", () => {
    const centered: InputSpec = { ...spec, anchor: "center" };
    const high = preprocess(solid(5, 6, [10, 20, 30]), centered);
    for (let y = 0; y < 6; y++) expect(row(high.x, 1, y)).toEqual([114, 20, 20, 20, 20, 20, 114, 114]);
    expect(high.toInput([0, 0, 5, 6])).toEqual([1, 0, 6, 6]);
    const wide = preprocess(solid(8, 3, [10, 20, 30]), centered);
    const pixels = Array.from({ length: 8 }, () => 30);
    expect([0, 1, 2, 3, 4, 5].map((y) => row(wide.x, 2, y))).toEqual([border, pixels, pixels, pixels, border, border]);
    expect(wide.toInput([0, 0, 8, 3])).toEqual([0, 1, 8, 4]);
  });

  it("orders channels as asked, then subtracts the mean and divides", () => {
    const stretched: InputSpec = { ...spec, resize: "stretch", color: "BGR", mean: [1, 2, 3], std: [255, 1, 2] };
    const { x } = preprocess(solid(3, 5, [10, 20, 30]), stretched);
    expect(x.data[0]).toBe(Math.fround(29 / 255));
    expect(x.data[48]).toBe(18);
    expect(x.data[96]).toBe(3.5);
  });

  it("lays channels last for NHWC", () => {
    const nchw = preprocess(solid(4, 4, [10, 20, 30]), spec).x;
    const nhwc = preprocess(solid(4, 4, [10, 20, 30]), { ...spec, layout: "NHWC" }).x;
    expect(nhwc.shape).toEqual([1, 6, 8, 3]);
    for (let c = 0; c < 3; c++) for (let i = 0; i < 48; i++) expect(nhwc.data[i * 3 + c]).toBe(nchw.data[c * 48 + i]);
  });

  it("maps boxes there and back", () => {
    const side = fc.integer({ min: 1, max: 60 });
    const fraction = fc.float({ min: 0, max: 1, noNaN: true });
    const layout = fc.record({ resize: fc.constantFrom("letterbox", "stretch"), anchor: fc.constantFrom("topLeft", "center") } as const);
    fc.assert(
      fc.property(side, side, layout, fraction, fraction, fraction, fraction, (width, height, how, a, b, c, d) => {
        const { toInput, toPicture } = preprocess(solid(width, height, [0, 0, 0]), { ...spec, ...how });
        const box: Box = [Math.min(a, c) * width, Math.min(b, d) * height, Math.max(a, c) * width, Math.max(b, d) * height];
        toPicture(toInput(box)).forEach((value, i) => expect(value).toBeCloseTo(box[i], 6));
      }),
      { numRuns: runs(50) },
    );
  });

  it("clips boxes to the picture", () => {
    const { toPicture } = preprocess(solid(4, 4, [0, 0, 0]), spec);
    expect(toPicture([-3, -1, 100, 100])).toEqual([0, 0, 4, 4]);
  });
});
