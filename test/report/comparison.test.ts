import { describe, expect, it } from "vitest";
import type { ComparisonRecord, LayerDifference, TensorDifference } from "../../src/quant/index.ts";
import {
  type ComparisonPicture,
  decibels,
  decibelText,
  drawComparison,
  drawSqnr,
  makeComparison,
  signed,
  worstFirst,
} from "../../src/report/index.ts";

const HOSTILE = 'a<script>"|[x](y)`\n&';

const difference = (over: Partial<TensorDifference> = {}): TensorDifference => ({
  sqnr: 20,
  cosine: 0.999,
  maxError: 0.123456,
  nonFinite: 0,
  ...over,
});

const EXACT = difference({ sqnr: null, cosine: 1, maxError: 0 });

const layer = (name: string, isolated = difference(), accumulated = difference({ sqnr: 10 })): LayerDifference => ({
  name,
  kind: "conv2d",
  role: "layer",
  tensor: name,
  otherTensor: name,
  isolated,
  accumulated,
});

const layers = [
  layer("fine", EXACT, EXACT),
  layer("bad", difference({ sqnr: 5 })),
  layer(HOSTILE, difference({ sqnr: null, maxError: 1, cosine: null })),
  layer("broken", difference({ nonFinite: 3 })),
];

const picture: ComparisonPicture = {
  width: 100,
  height: 50,
  href: "data:image/png;base64,AAAA",
  difference: {
    name: HOSTILE,
    kept: [{ label: HOSTILE, score: 0.9, box: [10, 10, 30, 40], otherScore: 0.8, otherBox: [11, 10, 30, 40], iou: 0.95 }],
    lost: [{ label: "cat", score: 0.5, box: [10, 10, 30, 40] }],
    new: [],
  },
};

const record: ComparisonRecord = {
  version: 1,
  kind: "inlierq/comparison",
  model: HOSTILE,
  other: "b",
  detector: "yolox",
  seed: 0,
  samples: [HOSTILE],
  versions: {},
  matchedBy: "name",
  layers,
  outputs: [layer(HOSTILE)],
  detections: {
    minScore: 0.3,
    model: 2,
    other: 1,
    kept: 1,
    lost: 1,
    new: 0,
    keptShare: 0.5,
    meanIou: 0.95,
    meanScoreChange: -0.1,
    largestScoreChange: -0.1,
    pictures: [picture.difference],
  },
  gate: { rule: "kept", value: 0.5, limit: 0.9, passed: false },
};

/** Every tag that opens also closes, in order. */
function expectWellFormed(xml: string): void {
  const open: string[] = [];
  for (const [, closing, name, selfClosing] of xml.matchAll(/<(\/?)([a-zA-Z]+)[^>]*?(\/?)>/g)) {
    if (closing) expect(open.pop()).toBe(name);
    else if (!selfClosing) open.push(name);
  }
  expect(open).toEqual([]);
}

describe("drawings of a comparison", () => {
  it("show kept and lost left, kept and new right", () => {
    const svg = drawComparison(picture, [HOSTILE, "b"]);
    expectWellFormed(svg);
    expect(svg).not.toContain("<script>");
    expect(svg).toMatch(/kept 1<.*lost 1<.*new 0</s);
    expect(svg).toContain("cat 0.50");
    expect(svg).toContain("b: 1");
  });

  it("put the labels of boxes in one place side by side", () => {
    const svg = drawComparison(picture, ["a", "b"]).split("b: 1")[0];
    const places = [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)" class="label"/g)].map((m) => `${m[1]} ${m[2]}`);
    expect(new Set(places).size).toBe(2);
  });

  it("hold every layer, whatever its numbers", () => {
    const svg = drawSqnr(layers) as string;
    expectWellFormed(svg);
    expect(svg).not.toMatch(/NaN|Infinity|<script>/);
    expect(svg.match(/<circle [^>]*r="3"/g)).toHaveLength(layers.length);
    expect(svg).toContain(">exact<");
    expect(drawSqnr([])).toBeUndefined();
    expectWellFormed(drawSqnr([layer("only", EXACT, EXACT)]) as string);
  });
});

describe("makeComparison", () => {
  it("lists the files it refers to, and shows names as they are", () => {
    const files = makeComparison(record, [picture]);
    const text = files.get("compare.md") as string;
    const links = [...text.matchAll(/\]\((pictures\/[^)]+)\)/g)].map((m) => m[1]);
    expect(links.sort()).toEqual([...files.keys()].filter((name) => name !== "compare.md").sort());
    expect(text).not.toMatch(/<script>|\[x\]\(y\)/);
    expect(text).toContain("1 of 2 kept (50.0 %), 1 lost, 0 new");
    expect(text).toContain("kept = 0.5, needed 0.9: not passed");
    expect(text.indexOf("| bad |")).toBeLessThan(text.indexOf("| fine |"));
    expect(makeComparison(record, [picture])).toEqual(files);
  });

  it("does without detections, layers and gate", () => {
    const detections = { ...record.detections, meanIou: null, meanScoreChange: null, largestScoreChange: null, pictures: [] };
    const files = makeComparison({ ...record, layers: [], outputs: [], gate: null, detections }, []);
    expect([...files.keys()]).toEqual(["compare.md"]);
  });
});

describe("numbers", () => {
  it("are worst where values are not finite or the signal is gone", () => {
    expect(worstFirst(layers).map((l) => l.name)).toEqual([HOSTILE, "broken", "bad", "fine"]);
    expect(layers.map((l) => decibelText(l.isolated))).toEqual(["inf", "5.0", "-inf", "not finite"]);
    expect(decibels(EXACT)).toBe(Number.POSITIVE_INFINITY);
    expect([signed(0.25), signed(-0.25)]).toEqual(["+0.250", "-0.250"]);
  });
});
