import { expect, test } from "vitest";
import type { JobRun } from "../../bench/job.ts";
import type { KernelRun } from "../../bench/kernels.ts";
import type { Machine } from "../../bench/machine.ts";
import type { PeerRun } from "../../bench/peers.ts";
import { Figures } from "../../scripts/performance/figures.ts";
import { merged, store, stored } from "../../scripts/performance/merge.ts";
import { render } from "../../scripts/performance/render.ts";
import { missedBy, TARGETS, type Target } from "../../scripts/performance/targets.ts";

const machineOf = (node: string, commit = "abc1234"): Machine => ({
  ...{ processor: "A processor", cores: 2, memoryGiB: 23, node, commit, date: "2026-01-02", load: [0.1, 0.9] },
});
const round = (median: number) => ({ median, best: median / 2 });

const kernels = (node = "20.20.2", commit?: string): KernelRun => ({
  ...{ kind: "kernels", machine: machineOf(node, commit), peaks: { f32: 41.7, i16: 78.1 }, absent: {} },
  rows: [
    { name: "sgemm 512, compiled", flops: 2e9, elements: 1e6, rounds: [round(50), round(100)], shareOfPeak: [0.9, 0.7], referenceMs: 7500 },
    { name: "conv 3x3 a", flops: 1e9, elements: 1e6, rounds: [round(50), round(100)], shareOfPeak: [0.5, 0.3] },
    { name: "fake-quant 8M", flops: 0, elements: 1e7, rounds: [round(20)] },
  ],
});
const peers: PeerRun = {
  ...{ kind: "peers", machine: machineOf("20.20.2") },
  engines: { inlierq: { version: "0.1.0" }, "tfjs-wasm": { version: "4.22.0" }, torch: { absent: "python3 has no torch" } },
  rows: [
    {
      ...{ problem: "conv 3x3 a", flops: 1e9, elements: 1e6, peaks: [40, 41] },
      outcomes: {
        inlierq: { rounds: [round(40), round(40)] },
        "inlierq, compiled": { rounds: [round(40), round(40)] },
        "tfjs-wasm": { rounds: [round(20), null] },
      },
    },
    {
      ...{ problem: "train step", flops: 0, elements: 4e5, peaks: [40] },
      outcomes: { inlierq: { rounds: [round(100)] }, "tfjs-wasm": { unable: "no such kernel" } },
    },
  ],
};
const job: JobRun = {
  ...{ kind: "job", machine: machineOf("20.20.2"), model: "yolox-nano-416", scheme: "W8A8", samples: 64, seconds: [25, 31.5] },
  ...{ forward: { eager: round(0.1234), replayed: round(0.1) }, job: { seconds: 25.04, peakBytes: 1.2e9, code: 0, timing: {} } },
};
const figures = new Figures([kernels(), peers, job]);
const page = render([kernels(), peers, job]);
const lineWith = (text: string): string => page.split("\n").find((line) => line.includes(text)) ?? "";

test("ratios of rows and engines", () => {
  expect(figures.shareOfPeak("sgemm 512, compiled")).toBeCloseTo(0.8);
  expect(figures.rateRatio("conv 3x3 a", "sgemm 512, compiled")).toBeCloseTo(0.5);
  expect(figures.speedup("sgemm 512, compiled", "fake-quant 8M")).toBeCloseTo(0.4);
  expect(figures.against("conv 3x3 a", "inlierq, compiled", "tfjs-wasm")).toBe(0.5);
  expect(figures.against("train step", "inlierq", "tfjs-wasm")).toBeUndefined();
  expect(figures.speedup("sgemm 512, relaxed", "sgemm 512, compiled")).toBeUndefined();
});

test("the page tells the machine, the load and the commit", () => {
  expect(lineWith("| kernels |")).toBe("| kernels | Node 20.20.2 | 2 x A processor | 23 GiB | 0.10 to 0.90 | abc1234 | 2026-01-02 |");
  expect(page).toContain("f32x4 mul + add 41.7, i32x4.dot_i16x8_s + add 78.1");
});

test("figures of a busy machine are called trial figures", () => {
  const busy: KernelRun = { ...kernels(), machine: { ...machineOf("20.20.2"), load: [3.5, 4] } };
  expect(render([busy, job])).toContain("The machine was not quiet: trial figures of kernels of Node 20.");
  expect(page).not.toContain("trial figures");
});

test("every target stands beside its figure, and by how much it is missed", () => {
  expect(lineWith("sgemm 512: share")).toBe("| sgemm 512: share of the mul+add limit | at least 80 % | 80 %, reached |");
  expect(lineWith("conv 3x3 a: inlierq, compiled against tfjs")).toBe(
    "| conv 3x3 a: inlierq, compiled against tfjs-wasm | at least 1.00 x | 0.50 x, missed by 50 % |",
  );
  expect(lineWith("photos: memory")).toContain("| at most 1.00 GB | 1.20 GB, missed by 20 % |");
  expect(lineWith("photos: time")).toContain("25.04 s, reached");
  expect(lineWith("sgemm 1024: share")).toContain("not measured");
});

test("a figure just short of its target is never called reached", () => {
  const target: Target = { what: "t", least: 1, unit: " x", nodes: ["20"], measured: () => 0.999 };
  expect(missedBy(target, 0.999)).toBeGreaterThan(0);
  expect(render([kernels()], [target])).toContain("missed by less than 1 %");
  expect(missedBy({ ...target, least: 1 }, 1)).toBe(0);
});

test("what was tried is told while a target is missed", () => {
  const target: Target = { what: "a row", least: 1, unit: " x", nodes: ["20"], measured: () => 0.5 };
  const attempt = { targets: /^a row$/, about: "A row", tried: "this and that." };
  expect(render([kernels()], [target], [attempt])).toContain("- A row: this and that.");
  expect(render([kernels()], [{ ...target, least: 0.4 }], [attempt])).not.toContain("this and that");
});

test("peers stand with their multiple of our time; what they cannot do is said in words", () => {
  expect(lineWith("| conv 3x3 a | 40")).toBe("| conv 3x3 a | 40 | 20 (0.5 x) |");
  expect(lineWith("| train step | 100")).toBe("| train step | 100 | no |");
  expect(page).toContain("- train step, tfjs-wasm: no such kernel");
  expect(page).toContain("torch is absent: python3 has no torch");
});

test("kernel rows give rate, share of the limit and multiple of the reference, side by side for two Nodes", () => {
  expect(lineWith("| sgemm 512, compiled | 75")).toBe("| sgemm 512, compiled | 75 | 25 | 26.7 | 80 % | 100 |");
  expect(lineWith("| fake-quant 8M | 20")).toBe("| fake-quant 8M | 20 | 10 | 2 ns |  |  |");
  const both = render([kernels(), kernels("24.1.0")]);
  expect(both).toContain("Node 24: median ms");
  expect(both).toContain("| sgemm 512, compiled | 75 | 25 | 26.7 | 80 % | 100 | 75 | 25 | 26.7 | 80 % | 100 |");
});

test("a fresh run replaces the one of its kind and Node; the file keeps a line a row", () => {
  const runs = merged([kernels(), peers, kernels("24.1.0")], [kernels("20.20.3", "fresh12")]);
  expect(runs.map((run) => `${run.kind} ${run.machine.node} ${run.machine.commit}`)).toEqual([
    "kernels 20.20.3 fresh12",
    "kernels 24.1.0 abc1234",
    "peers 20.20.2 abc1234",
  ]);
  const text = store(runs);
  expect(stored(text, "performance.json")).toEqual(runs);
  expect(text.split("\n").filter((line) => line.startsWith('{"name":"sgemm 512, compiled"'))).toHaveLength(2);
  expect(() => stored('{"version":9,"runs":[]}', "performance.json")).toThrow("performance.json must have version 1, got 9");
});

test("every target has one goal and a name of its own for each Node", () => {
  for (const { what, least, most } of TARGETS) expect([what, (least === undefined) !== (most === undefined)]).toEqual([what, true]);
  const names = TARGETS.flatMap(({ what, nodes }) => nodes.map((node) => `${what} ${node}`));
  expect(new Set(names).size).toBe(names.length);
});
