import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { evaluateDemo, trainDemo } from "../../../scripts/train-demo.ts";
import { readSafetensors, scenes, writeSafetensors } from "../../../src/data/index.ts";
import {
  CenterNet,
  centernetLoss,
  centerTargets,
  DEMO_CARD,
  DEMO_CONFIG,
  decodeCenters,
  demoDetector,
  type GroundTruth,
  parseCard,
} from "../../../src/detect/index.ts";
import { BatchNorm, parameters, submodules, withParameters } from "../../../src/nn/index.ts";
import { item, Rng, randn, Tensor, uniform } from "../../../src/tensor/index.ts";

const GRID = { classes: 3, width: 8, height: 8, stride: 4 };
const truth: GroundTruth[] = [
  { box: [2, 4, 14, 22], label: 1 },
  { box: [18, 1, 31, 10], label: 0 },
];

describe("centerTargets", () => {
  const targets = centerTargets([truth, []], GRID);

  it("puts a peak of 1 at every centre, of its class alone", () => {
    const { heatmap } = targets;
    const at = (n: number, c: number, x: number, y: number) => heatmap.data[((n * 3 + c) * 8 + y) * 8 + x];
    expect([at(0, 1, 2, 3), at(0, 0, 6, 1), at(0, 2, 2, 3)]).toEqual([1, 1, 0]);
    expect(Math.max(...heatmap.data.subarray(3 * 64))).toBe(0);
  });

  it("is decoded back to the boxes", () => {
    const dense = (rows: Tensor) => {
      const map = new Float32Array(2 * 64);
      truth.forEach((_, k) => {
        for (const c of [0, 1]) map[c * 64 + targets.cells.data[k]] = rows.data[k * 2 + c];
      });
      return map;
    };
    const heat = targets.heatmap.data.subarray(0, 3 * 64);
    const found = decodeCenters(
      { width: 8, height: 8, classes: 3, heat, size: dense(targets.size), offset: dense(targets.offset) },
      5,
      0.99,
    );
    const boxes = found.map((p) => ({ box: p.box.map((v) => v * 4), label: p.label })).sort((a, b) => b.label - a.label);
    expect(boxes).toEqual(truth);
  });

  it("refuses objects outside of the map", () => {
    expect(() => centerTargets([[{ box: [40, 0, 44, 4], label: 0 }]], GRID)).toThrow(
      "centerTargets: objects must lie on the 8x8 map of 3 classes, got one of class 0 at 40, 0, 44, 4",
    );
  });

  it("makes a loss that is smallest at the truth", () => {
    const logits = new Tensor(
      targets.heatmap.shape,
      "f32",
      Float32Array.from(targets.heatmap.data, (t) => (t === 1 ? 9 : -9)),
    );
    const rng = new Rng(0);
    const pair = () => uniform([2, 2, 8, 8], rng, 0, 3);
    const spread = (rows: Tensor) => {
      const map = new Float32Array(2 * 2 * 64);
      truth.forEach((_, k) => {
        for (const c of [0, 1]) map[c * 64 + targets.cells.data[k]] = rows.data[k * 2 + c];
      });
      return new Tensor([2, 2, 8, 8], "f32", map);
    };
    const right = item(centernetLoss({ heatmap: logits, size: spread(targets.size), offset: spread(targets.offset) }, targets));
    const wrong = item(centernetLoss({ heatmap: randn(logits.shape, rng), size: pair(), offset: pair() }, targets));
    expect(right).toBeLessThan(0.01);
    expect(wrong).toBeGreaterThan(1);
  });
});

describe("CenterNet", () => {
  it("folds its batch norms without changing what it computes", () => {
    const rng = new Rng(2);
    const net = CenterNet.init({ classes: 2, widths: [4, 4, 8, 8], norm: true }, rng);
    const lively = new Map(
      [...parameters(net)].filter(([name]) => name.includes("norm")).map(([name, p]) => [name, uniform(p.shape, rng, 0.5, 1.5)] as const),
    );
    const trained = withParameters(net, lively);
    const x = randn([1, 3, 32, 32], rng);
    const folded = trained.folded();
    expect([...submodules(folded).values()].some((m) => m instanceof BatchNorm)).toBe(false);
    expect([...parameters(folded).keys()]).toContain("stem.conv.bias");
    const expected = inference(trained).forward(x);
    for (const [key, y] of Object.entries(folded.forward(x))) {
      y.data.forEach((v, i) => expect(v).toBeCloseTo(expected[key].data[i], 3));
    }
  });
});

/** The same network with every batch norm on its running statistics. */
function inference<M extends object>(module: M): M {
  const visit = (value: unknown): unknown => {
    if (value instanceof BatchNorm) return new BatchNorm({ ...value, training: false });
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== "object" || value === null || !("forward" in value)) return value;
    const copy = Object.create(Object.getPrototypeOf(value) as object) as Record<string, unknown>;
    for (const [k, v] of Object.entries(value)) copy[k] = visit(v);
    return copy;
  };
  return visit(module) as M;
}

describe("the demo detector", () => {
  it("has a valid card and few enough weights to ship", () => {
    expect(parseCard(JSON.parse(JSON.stringify(DEMO_CARD)))).toEqual(DEMO_CARD);
    const weights = parameters(CenterNet.init({ ...DEMO_CONFIG, norm: false }, new Rng(0)));
    expect(writeSafetensors(weights).length).toBeLessThan(1 << 20);
  });

  it("refuses weights that are missing or unknown", () => {
    const weights = parameters(CenterNet.init({ ...DEMO_CONFIG, norm: false }, new Rng(0)));
    expect(() => demoDetector(new Map([...weights].slice(1)))).toThrow(
      /^demoDetector: weights must hold every parameter, got none named "stem/,
    );
    expect(() => demoDetector(new Map([...weights, ["extra", new Tensor([1], "f32", new Float32Array(1))]]))).toThrow('got "extra"');
  });

  it("is trained to the same bytes twice", () => {
    const config = { seed: 0, steps: 2, batchSize: 1, pool: 2, lr: 1e-3 };
    const [first, second] = [1, 2].map(() => writeSafetensors(trainDemo(config)));
    expect(second).toEqual(first);
    expect(writeSafetensors(trainDemo({ ...config, steps: 1 }))).not.toEqual(first);
  });

  const file = new URL("../../../models/demo.safetensors", import.meta.url);
  it("finds what is in scenes nobody trained on", () => {
    const { tensors } = readSafetensors(readFileSync(file), "demo.safetensors");
    const { ap50 } = evaluateDemo(tensors, scenes("held-out", 12));
    expect(ap50).toBeGreaterThan(0.7);
  });
});
