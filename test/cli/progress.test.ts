import { expect, it } from "vitest";
import { barLine, clock, progressView } from "../../src/cli/progress.ts";

const said = (interactive: boolean) => {
  const words: string[] = [];
  return { words, io: { out: () => {}, err: (text: string) => void words.push(text), interactive, env: {} } };
};

it("is silent without a terminal", () => {
  const { words, io } = said(false);
  const view = progressView(io, false);
  view.report({ stage: "refine", done: 1, total: 4, fraction: 0.25 });
  view.end();
  expect(words).toEqual([]);
});

it("writes a JSON line a report when asked to, terminal or not", () => {
  const { words, io } = said(true);
  progressView(io, true).report({ stage: "refine", done: 1, total: 4, fraction: 0.25 });
  expect(words.map((w) => JSON.parse(w) as unknown)).toEqual([{ event: "progress", stage: "refine", done: 1, total: 4, fraction: 0.25 }]);
  expect(words[0].endsWith("\n")).toBe(true);
});

it("redraws one line ten times a second and clears it at the end", () => {
  const { words, io } = said(true);
  let now = 0;
  const view = progressView(io, false, () => now);
  for (let done = 0; done <= 100; done++) {
    view.report({ stage: "observe", done, total: 100, fraction: done / 100 });
    now += 10;
  }
  view.end();
  // 1 s of reports: a line at once and ten more, then the clearing.
  expect(words.length).toBeLessThanOrEqual(13);
  expect(words.length).toBeGreaterThanOrEqual(12);
  expect(words.every((w) => w.startsWith("\r\u001b[K") && !w.includes("\n"))).toBe(true);
  expect(words.at(-1)).toBe("\r\u001b[K");
});

it("shows the share, the stage and the time left", () => {
  const line = barLine({ stage: "refine", done: 3, total: 12, fraction: 0.25 }, 10_000);
  expect(line).toBe("[######------------------]  25 %  refine 3/12  0:30 left");
  expect(barLine({ stage: "observe", done: 0, total: 9, fraction: 0 }, 5)).not.toContain("left");
  expect([clock(0), clock(61_000), clock(3_600_000)]).toEqual(["0:00", "1:01", "60:00"]);
});
