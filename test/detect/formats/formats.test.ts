import { describe, expect, test } from "vitest";
import type { Heads } from "../../../src/detect/index.ts";
import { ArgumentError, ShapeError } from "../../../src/errors.ts";
import { Rng, Tensor, tensor, uniform, zeros } from "../../../src/tensor/index.ts";
import { cardOf } from "../sampleCards.ts";
import { decode, expectBox, fixed } from "./scene.ts";

describe("yolox", () => {
  const card = cardOf("yolox");
  // Levels 4 x 2 cells of 16 pixels and 2 x 1 cells of 32 pixels.
  const empty = (): Float32Array => new Float32Array(10 * 7);

  test("decodes a cell of each level", () => {
    const out = empty();
    out.set([0.5, 0.25, Math.log(2), 0, 0.8, 0.1, 0.5], 6 * 7);
    out.set([0, 0, 0, Math.log(0.5), 0.9, 0.9, 0.2], 9 * 7);
    const found = decode({ out: new Tensor([1, 10, 7], "f32", out) }, card);
    expect(found).toHaveLength(2);
    expectBox(found[0], [32 - 16, 0 - 8, 32 + 16, 0 + 8], 0.81, 0);
    expectBox(found[1], [40 - 16, 20 - 8, 40 + 16, 20 + 8], 0.4, 1);
  });

  test("log H is the log of objectness times class, finite at 0", () => {
    const out = empty();
    out.set([0, 0, 0, 0, 0.8, 0.1, 0], 3 * 7);
    const logs = fixed({}, card).logScores({ out: new Tensor([1, 10, 7], "f32", out) });
    expect(logs.shape).toEqual([1, 2, 10]);
    expect(logs.data[3]).toBeCloseTo(Math.log(0.08), 5);
    expect(Array.from(logs.data).every((v) => Number.isFinite(v) && v <= 0)).toBe(true);
  });

  test("refuses outputs of another shape or name", () => {
    expect(() => decode({ out: zeros([1, 10, 8]) }, card)).toThrow(
      /output "out" must have shape \[\?,\?,7\] for this card, got \[1,10,8\]/,
    );
    expect(() => decode({ out: zeros([1, 9, 7]) }, card)).toThrow(ShapeError);
    expect(() => decode({ outs: zeros([1, 10, 7]) }, card)).toThrow(ArgumentError);
    expect(() => decode({ outs: zeros([1, 10, 7]) }, card)).toThrow(/must include the card's "out", got outs \(did you mean "outs"\?\)/);
  });
});

describe("fastestdet", () => {
  const card = cardOf("fastestdet");

  test("decodes relative boxes and the geometric score", () => {
    const out = new Float32Array(7 * 8);
    const cell = 6; // row 1, column 2 of a 2 x 4 map
    for (const [channel, value] of [0.9, Math.atanh(0.5), 0, 0, Math.log(3), 0.25, 0.75].entries()) out[channel * 8 + cell] = value;
    const found = decode({ out: new Tensor([1, 7, 2, 4], "f32", out) }, card);
    expect(found).toHaveLength(1);
    const [cx, cy, w, h] = [(2.5 / 4) * 64, (1 / 2) * 32, 0.5 * 64, 0.75 * 32];
    expectBox(found[0], [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], 0.9 ** 0.6 * 0.75 ** 0.4, 1);
  });

  test("log H is the log of the score", () => {
    const out = uniform([2, 7, 2, 4], new Rng(1), 0.01, 1);
    const logs = fixed({}, card).logScores({ out });
    expect(logs.shape).toEqual([2, 2, 8]);
    const at = (n: number, channel: number, cell: number): number => out.data[(n * 7 + channel) * 8 + cell];
    expect(logs.data[8 + 3]).toBeCloseTo(0.6 * Math.log(at(0, 0, 3)) + 0.4 * Math.log(at(0, 6, 3)), 5);
    expect(logs.data[16 + 5]).toBeCloseTo(0.6 * Math.log(at(1, 0, 5)) + 0.4 * Math.log(at(1, 5, 5)), 5);
  });
});

describe("centernet", () => {
  const maps = (): { heat: Float32Array; wh: Float32Array; reg: Float32Array } => ({
    heat: new Float32Array(2 * 8).fill(0.01),
    wh: new Float32Array(2 * 8).fill(1),
    reg: new Float32Array(2 * 8).fill(0.5),
  });
  const heads = ({ heat, wh, reg }: ReturnType<typeof maps>): Heads => ({
    heat: new Tensor([1, 2, 2, 4], "f32", heat),
    wh: new Tensor([1, 2, 2, 4], "f32", wh),
    reg: new Tensor([1, 2, 2, 4], "f32", reg),
  });
  const scene = (): ReturnType<typeof maps> => {
    const m = maps();
    m.heat[8 + 5] = 0.7; // dog at row 1, column 1
    m.wh.set([2], 5);
    m.wh.set([0.5], 8 + 5);
    m.reg.set([0.25], 5);
    return m;
  };

  test("decodes peaks from cells to pixels", () => {
    const found = decode(heads(scene()), cardOf("centernet"));
    expect(found).toHaveLength(1);
    expectBox(found[0], [20 - 16, 24 - 4, 20 + 16, 24 + 4], 0.7, 1);
  });

  test("sizes may be pixels, offsets absent, the heatmap logits", () => {
    const m = scene();
    const card = cardOf("centernet", { outputs: { heatmap: "heat", size: "wh" }, heatmap: "logit", sizeUnit: "pixel" });
    const logits = m.heat.map((p) => Math.log(p / (1 - p)));
    const found = decode(heads({ ...m, heat: logits }), card);
    expectBox(found[0], [24 - 1, 24 - 0.25, 24 + 1, 24 + 0.25], 0.7, 1);
    const logs = fixed({}, card).logScores(heads({ ...m, heat: logits }));
    expect(logs.data[8 + 5]).toBeCloseTo(Math.log(0.7), 6);
  });

  test("refuses sizes that do not fit the heatmap", () => {
    expect(() => decode({ ...heads(scene()), wh: zeros([1, 2, 4, 4]) }, cardOf("centernet"))).toThrow(
      /output "wh" must have shape \[1,2,2,4\]/,
    );
  });
});

test("a detector passes its network through and caps its detections", () => {
  const card = cardOf("fastestdet", { maxDetections: 2, nmsIou: 1, scoreThreshold: 0 });
  const detector = fixed({ out: uniform([3, 7, 2, 4], new Rng(2), 0.1, 1) }, card);
  const heads = detector.forward(tensor([0]));
  expect(detector.decode(heads).map((list) => list.length)).toEqual([2, 2, 2]);
  expect([detector.name, detector.maxDetections, detector.classes]).toEqual(["sample", 2, ["cat", "dog"]]);
});
