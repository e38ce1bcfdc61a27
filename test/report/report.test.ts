import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CalibrationRecord, SiteRecord } from "../../src/quant/index.ts";
import {
  bySqnr,
  type DetectionPicture,
  dataUri,
  drawDetections,
  drawMixture,
  escapeXml,
  makeReport,
  rangeText,
} from "../../src/report/index.ts";
import { visible } from "../../src/shown.ts";

const site = (over: Partial<SiteRecord> = {}): SiteRecord => ({
  tensor: "stem|out",
  readers: ["conv"],
  bits: 8,
  granularity: "perTensor",
  observed: { min: [-1], max: [12.34567] },
  rangeBefore: { min: [-0.5], max: [10] },
  rangeAfter: { min: [-0.5], max: [9] },
  scale: [0.04],
  zeroPoint: [12],
  mixture: { weights: [0.7, 0.3], means: [1e-4, 2e-3], sds: [5e-5, 1e-3] },
  threshold: 4e-4,
  inlierShare: 0.31,
  clippedShare: 0.00123,
  sqnr: 31.5,
  objective: [2, 1.5, 1.25],
  rows: 4096,
  flags: ["floor-share"],
  ...over,
});

const record = (over: Partial<CalibrationRecord> = {}): CalibrationRecord => ({
  version: 1,
  kind: "inlierq/record",
  model: "net",
  detector: "yolox",
  method: "inlierq",
  scheme: "W8A8",
  policy: "inlierq",
  seed: 0,
  samples: ["a.jpg"],
  config: {},
  versions: { inlierq: "0" },
  macs: { total: 100, quantized: 80, fraction: 0.8 },
  bytes: { before: 400, after: 100 },
  cost: {
    bops: 25600,
    floatBops: 102400,
    effectiveFlops: { paper128: 60, bops1024: 25, dorefa64: 100 },
    convention: "bops1024",
    bytes: { weights: 60, scales: 20, zeroPoints: 5, biases: 15, extras: 0, total: 100, file: 900 },
  },
  sites: [site(), site({ tensor: "worst", sqnr: 3 }), site({ tensor: "none", sqnr: null, mixture: null })],
  units: [],
  layers: [
    {
      name: "conv",
      kind: "conv2d",
      quantized: true,
      macs: 80,
      weightBits: 8,
      weightMapping: "affine",
      weightSqnr: 40,
      biasCorrection: { before: 2, after: 1, kept: true },
      flags: [],
    },
  ],
  detections: { float: 10, quantized: 9, kept: 8, keptShare: 0.8 },
  gate: { rule: "kept", value: 0.8, limit: 0.5, passed: true },
  ...over,
});

const picture: DetectionPicture = {
  name: "street <1>.jpg",
  width: 100,
  height: 50,
  href: "data:image/png;base64,AAAA",
  before: [{ box: [10, 10, 30, 40], label: "cat & dog", score: 0.9 }],
  after: [],
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

describe("makeReport", () => {
  it("lists pictures and the worst mixtures it refers to", () => {
    const files = makeReport(record(), [picture]);
    const text = files.get("report.md") as string;
    const links = [...text.matchAll(/\]\((pictures\/[^)]+)\)/g)].map((m) => m[1]);
    expect(links).toEqual([...files.keys()].filter((name) => name !== "report.md"));
    expect(links[0]).toBe("pictures/01-street-1-.svg");
    expect(text).toContain("| multiply-accumulates quantized | 80.0 % (80 of 100) |");
    expect(text).toContain("stem\\|out");
    expect(text.indexOf("| worst |")).toBeLessThan(text.indexOf("| stem"));
    expect(text).toContain("2 → 1.25");
  });

  it("is the same text for the same record", () => {
    expect(makeReport(record(), [picture])).toEqual(makeReport(record(), [picture]));
  });

  it("has a row for every unit that learned, and no table where none did", () => {
    const unit = {
      unit: "block|1",
      stage: "weights",
      layers: ["a", "b"],
      steps: 300,
      start: 0.25,
      biases: 0.75,
      soft: 0.125,
      hard: 0.5,
      kept: true,
    };
    const text = makeReport(record({ units: [unit, { ...unit, steps: 0, biases: 1, kept: false }] }), []).get("report.md");
    expect(text).toContain("| block\\|1 | weights | 2 | 300 | 0.25 | 0.750 | 0.125 | 0.500 | yes |");
    expect(text).toContain("| block\\|1 | weights | 2 | 0 | 0.25 | - | - | - | no |");
    expect(makeReport(record(), []).get("report.md")).not.toContain("## Units");
  });

  it("does without detections, gate and sites", () => {
    expect(makeReport(record({ detections: null, gate: null, sites: [], layers: [] }), []).get("report.md")).toContain("## Activations");
  });
});

describe("drawDetections", () => {
  it("draws both panels with escaped names", () => {
    const svg = drawDetections(picture);
    expectWellFormed(svg);
    expect(svg).toContain("cat &amp; dog 0.90");
    expect(svg).toContain("street &lt;1&gt;.jpg");
    expect(svg).toContain("float: 1");
    expect(svg).toContain("quantized: 0");
  });
});

describe("drawMixture", () => {
  it("draws two curves and the threshold, or nothing without a mixture", () => {
    const svg = drawMixture(site()) as string;
    expectWellFormed(svg);
    expect(svg.match(/<path/g)).toHaveLength(2);
    expect(svg).not.toMatch(/NaN|Infinity/);
    expect(drawMixture(site({ mixture: null }))).toBeUndefined();
    expect(drawMixture(site({ threshold: null, inlierShare: null }))).not.toContain("dasharray");
  });
});

describe("text", () => {
  it("escapes so that XML reads the text back", () => {
    const back: Record<string, string> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };
    fc.assert(
      fc.property(fc.string(), (text) => {
        const escaped = escapeXml(text);
        expect(escaped).not.toMatch(/[<>"']/);
        expect(escaped.replace(/&(amp|lt|gt|quot|#39);/g, (e) => back[e]).replaceAll("\uFFFD", "")).toBe(
          visible(text).replace(/[\uFFFD-\uFFFF]/gu, ""),
        );
      }),
    );
  });

  it("encodes base64 as Node does", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(dataUri(bytes, "image/png")).toBe(`data:image/png;base64,${Buffer.from(bytes).toString("base64")}`);
      }),
    );
  });

  it("shows ranges and orders sites", () => {
    expect(rangeText({ min: [-1, -2], max: [3, 1] })).toBe("[-2, 3] x2");
    expect(bySqnr([site({ sqnr: null }), site({ sqnr: 9 }), site({ sqnr: 1 })]).map((s) => s.sqnr)).toEqual([1, 9, null]);
  });
});
