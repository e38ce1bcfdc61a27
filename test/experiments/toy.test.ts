import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CLAIMS, judge, runToy, TOY_CONFIG, type ToyConfig, type ToyRecord, type ToySeed, verdictOf } from "../../src/experiments/index.ts";
import { makeToyReport, TOY_FILES } from "../../src/report/index.ts";

const SMALL: ToyConfig = { seeds: [0, 7], epochs: 100, points: 32, draws: 2, sigmas: [0, 0.2], candidates: 5 };
const DOCS = join(import.meta.dirname, "../../docs");

const published = JSON.parse(readFileSync(join(DOCS, "toy.json"), "utf8")) as ToyRecord;

describe("runToy", () => {
  it("gives the same record for the same seeds, whatever runs beside them", async () => {
    const both = await runToy(SMALL);
    expect(JSON.stringify(await runToy(SMALL))).toBe(JSON.stringify(both));
    const alone = await runToy({ ...SMALL, seeds: [7] });
    expect(alone.seeds[0]).toEqual(both.seeds[1]);
    expect(makeToyReport(both)).toEqual(makeToyReport(both));
    expect([...makeToyReport(both).keys()]).toEqual(TOY_FILES);
  });

  it("reports progress up to the end", async () => {
    const fractions: number[] = [];
    await runToy({ ...SMALL, seeds: [0] }, { onProgress: (p) => fractions.push(p.fraction) });
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBeCloseTo(1);
  });

  it("stops when it is aborted", async () => {
    const abort = new AbortController();
    await expect(runToy(SMALL, { signal: abort.signal, onProgress: () => abort.abort() })).rejects.toThrow(/must not be aborted/);
  });

  it.each([
    [{ seeds: [] }, /seeds must be distinct and at least one, got \[\]/],
    [{ seeds: [1, 1] }, /seeds must be distinct/],
    [{ epochs: 0.5 }, /epochs must be a whole number of at least 1, got 0.5/],
    [{ candidates: 2 }, /candidates must be a whole number of at least 3, got 2/],
    [{ sigmas: [0] }, /sigmas must ascend/],
    [{ sigmas: [0.3, 0.1] }, /sigmas must ascend/],
  ])("refuses %j", async (wrong, message) => {
    await expect(runToy({ ...SMALL, ...wrong })).rejects.toThrow(message);
  });
});

describe("the rules", () => {
  const claim = (id: string) => CLAIMS.find((c) => c.id === id) as (typeof CLAIMS)[number];
  /** Seeds of the published record with one part made up. */
  const madeUp = (change: (seed: ToySeed) => Partial<ToySeed>): ToySeed[] => published.seeds.map((s) => ({ ...s, ...change(s) }));

  it("have an id and a wording each", () => {
    expect(new Set(CLAIMS.map((c) => c.id)).size).toBe(CLAIMS.length);
    for (const c of CLAIMS) expect([c.claim, c.rule, c.note].every((text) => text.length > 10)).toBe(true);
  });

  it("are satisfied by no claim without a number", () => {
    for (const c of CLAIMS) expect(c.satisfied(Number.NaN), c.id).toBe(false);
  });

  it("can be satisfied and missed, every one", () => {
    for (const c of CLAIMS) {
      const found = [-1e6, 1e6].map((v) => c.satisfied(v));
      expect([...found].sort(), c.id).toEqual([false, true]);
    }
  });

  it.each([
    [5, "holds"],
    [4, "holds"],
    [3, "mixed"],
    [2, "mixed"],
    [1, "does not hold"],
    [0, "does not hold"],
  ])("%i of 5 seeds: %s", (satisfied, verdict) => {
    expect(verdictOf(satisfied, 5)).toBe(verdict);
  });

  it("turn with the numbers", () => {
    const { sigmas } = published.config;
    const perturbed = (raw: number, logits: number) =>
      madeUp(({ perturbation: { regressor, classifier } }) => {
        const curve = (to: number) => sigmas.map((s) => to * s);
        return {
          perturbation: {
            regressor: { ...regressor, normal: { ...regressor.normal, raw: curve(raw) } },
            classifier: { ...classifier, normal: { ...classifier.normal, raw: curve(logits) } },
          },
        };
      });
    expect(judge(claim("1a"), perturbed(3, 1))).toMatchObject({ verdict: "holds", satisfied: 5, deviation: 0 });
    expect(judge(claim("1a"), perturbed(3, 1)).mean).toBeCloseTo(3);
    expect(judge(claim("1a"), perturbed(1.05, 1)).verdict).toBe("does not hold");
    const peaked = (kurtosis: (seed: number) => number) =>
      madeUp(({ seed, weights }) => ({
        weights: {
          ...weights,
          regressor: { ...weights.regressor, hiddenKurtosis: kurtosis(seed) },
          classifier: { ...weights.classifier, hiddenKurtosis: 0 },
        },
      }));
    expect(
      judge(
        claim("3a"),
        peaked(() => 3),
      ).verdict,
    ).toBe("holds");
    expect(
      judge(
        claim("3a"),
        peaked((seed) => (seed < 3 ? 3 : 0)),
      ).verdict,
    ).toBe("mixed");
    expect(
      judge(
        claim("3a"),
        peaked(() => Number.NaN),
      ).verdict,
    ).toBe("does not hold");
  });
});

describe("the controls of the transform", () => {
  it.each([
    ["7g", "regressor"],
    ["7h", "regressorL1"],
  ] as const)("%s holds only where training adds to what untrained weights gain", (id, net) => {
    const verdict = (more: number) => {
      const seeds = published.seeds.map((s) => {
        const own = { ...s.logAffine[net], entropy: 3 - more, logEntropy: 3.4, startEntropy: 3, startLogEntropy: 3.4 };
        return { ...s, logAffine: { ...s.logAffine, [net]: own } };
      });
      return judge(CLAIMS.find((c) => c.id === id) as (typeof CLAIMS)[number], seeds).verdict;
    };
    expect([0, 0.05, 0.2].map(verdict)).toEqual(["does not hold", "does not hold", "holds"]);
  });
});

describe("the page", () => {
  it("counts every claim once in its summary", () => {
    const summary = (makeToyReport(published).get("toy.md") ?? "").split("\n").find((l) => l.startsWith("Of the paper's claims")) ?? "";
    const counts = [...summary.matchAll(/(\d+) (hold|mixed|do not hold)/g)].map(([, count]) => Number(count));
    expect(counts.reduce((a, b) => a + b, 0)).toBe(CLAIMS.length);
    for (const of of new Set(CLAIMS.map((c) => c.of))) expect(summary).toContain(`${of}s`.replace("papers", "paper's claims"));
  });

  it("has every number of the weights under its head", () => {
    const marks = { hiddenKurtosis: 71, startKurtosis: 72, trimmedKurtosis: 73, largest: 74, hiddenEntropy: 75 };
    const seeds = published.seeds.map((s) => ({ ...s, weights: { ...s.weights, classifier: { ...s.weights.classifier, ...marks } } }));
    const lines = (makeToyReport({ ...published, seeds }).get("toy.md") ?? "").split("\n");
    const cells = (line: string | undefined): string[] => (line ?? "").split(" | ").map((cell) => cell.replaceAll("|", "").trim());
    const head = lines.findIndex((l) => l.startsWith("| excess kurtosis"));
    const row = cells(lines.slice(head).find((l) => l.startsWith("| classifier")));
    const of = Object.fromEntries(cells(lines[head]).map((name, i) => [name, row[i]]));
    expect(of).toMatchObject({
      "hidden (2, 3)": "71 ± 0",
      "at the start": "72 ± 0",
      "without the 5 largest": "73 ± 0",
      "largest / rms": "74 ± 0",
      "entropy, bits": "75 ± 0",
    });
  });
});

describe("docs/toy.md", () => {
  it("is the published record's, judged by the rules as they stand: run npm run toy", () => {
    expect(published.config).toEqual(TOY_CONFIG);
    expect(published.claims).toEqual(CLAIMS.map((c) => judge(c, published.seeds)));
    const stale = [...makeToyReport(published)].filter(([name, text]) => readFileSync(join(DOCS, name), "utf8") !== text);
    expect(stale.map(([name]) => name)).toEqual([]);
  });
});
