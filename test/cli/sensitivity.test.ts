import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { encodePng } from "../../src/data/index.ts";
import { demoModel, demoScenes } from "../../src/node/index.ts";
import { exportOnnx } from "../../src/onnx/index.ts";
import type { CalibrationRecord, SensitivityRecord } from "../../src/quant/index.ts";
import { cli, type Outcome, workplace } from "./bench.ts";

const place = workplace();
afterAll(() => place.clear());

const { graph, card } = demoModel();
mkdirSync(place.path("scenes"));
for (const { name, picture } of demoScenes("calibrate", 3)) place.write(`scenes/${name}.png`, encodePng(picture));
const model = place.write("demo.onnx", exportOnnx(graph));
const demoCard = place.write("demo.json", JSON.stringify(card));
const shared = [model, "--card", demoCard, "--calibrate", place.path("scenes")];
const job = (...more: string[]): Promise<Outcome> => cli("sensitivity", ...shared, ...more);

describe("inlierq sensitivity", () => {
  it("prints the worst and a proposal, writes the account, and quantize takes the proposal", async () => {
    const out = place.path("ranked");
    const { code, out: text, err } = await job("--budget", "elements=30%", "--top", "4", "--out", out);
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(text).toMatch(/^demo at W4A4, mse, 3 samples: damage [\d.e-]+ with everything quantized/);
    const record = JSON.parse(readFileSync(`${out}/sensitivity.json`, "utf8")) as SensitivityRecord;
    const rows = [...text.matchAll(/^(\S+) +(?:activation|weight) +4 /gm)].map((m) => m[1]);
    expect(rows).toEqual(record.items.slice(0, 4).map((i) => i.name));
    expect(text).toContain(`... ${record.items.length - 4} more`);
    expect(text).toMatch(/proposal for elements=30\.0 %: spends \d+\.\d %\n/);
    expect(readdirSync(out).sort()).toEqual(["config.json", "pictures", "sensitivity.json", "sensitivity.md"]);
    const report = readFileSync(`${out}/sensitivity.md`, "utf8");
    expect(report).toContain("![What lifting each tensor is worth](pictures/sensitivity.svg)");
    for (const { name } of record.items) expect(report).toContain(name);
    const svg = readFileSync(`${out}/pictures/sensitivity.svg`, "utf8");
    expect(svg.match(/outlined/g)).toHaveLength(1);
    expect(svg.match(/stroke-width="1.5"/g)?.length).toBe(record.proposal?.lifted.length);

    const quantized = place.path("quantized");
    const next = await cli("quantize", ...shared, "--config", `${out}/config.json`, "--out", quantized, "--no-check", "--gate", "kept=0");
    expect(next.code).toBe(0);
    const { scheme, method, sites } = JSON.parse(readFileSync(`${quantized}/record.json`, "utf8")) as CalibrationRecord;
    expect([scheme, method]).toEqual(["W4A4", "mse"]);
    const [, ...others] = sites;
    expect(
      others
        .filter((s) => s.bits === 8)
        .map((s) => s.tensor)
        .sort(),
    ).toEqual([...(record.proposal?.lifted ?? [])].sort());
  });

  it("prints JSON, and writes nothing without --out", async () => {
    const before = readdirSync(place.root);
    const { code, out } = await job("--json", "--mode", "accumulated", "--scheme", "W8A8", "--high", "float", "--method", "minmax");
    expect(code).toBe(0);
    const record = JSON.parse(out) as SensitivityRecord;
    expect(record).toMatchObject({ mode: "accumulated", high: "float", scheme: "W8A8", method: "minmax", proposal: null });
    expect(readdirSync(place.root)).toEqual(before);
  });

  it("replaces nothing without --force", async () => {
    const { code, err } = await job("--out", place.path("ranked"));
    expect(code).toBe(2);
    expect(err).toMatch(/sensitivity\.json must not exist yet \(--force replaces it\)/);
  });

  it.each([
    [["--high", "9"], /--high: must be a whole number from 3 to 8, or float, got "9"/],
    [["--mode", "isolatd"], /--mode: must be isolated, accumulated, got "isolatd"; did you mean isolated\?/],
    [["--budget", "storag=1MB"], /^error: budget: expected .* \(did you mean "storage"\?\)/],
  ] as [string[], RegExp][])("refuses %j", async (words, pattern) => {
    const { code, err } = await job(...words);
    expect(err).toMatch(pattern);
    expect(code).toBe(2);
  });
});

describe("inlierq quantize --promote", () => {
  it("says what it promoted, on paper too", async () => {
    const out = place.path("promoted");
    const words = [
      "quantize",
      ...shared,
      "--scheme",
      "W4A4",
      "--method",
      "mse",
      "--promote",
      "0.3",
      "--out",
      out,
      "--no-check",
      "--gate",
      "kept=0",
    ];
    const { code, out: text } = await cli(...words);
    expect(code).toBe(0);
    const { promotion } = JSON.parse(readFileSync(`${out}/record.json`, "utf8")) as CalibrationRecord;
    expect(text).toContain(
      `promoted to 8 bits: ${(100 * (promotion?.share ?? 0)).toFixed(1)} % of the activation elements (at most 30.0 %), ${promotion?.tensors.length} tensors: ${promotion?.tensors[0].tensor}`,
    );
    expect(readFileSync(`${out}/report.md`, "utf8")).toContain("| promoted to 8 bits |");
  });

  it.each(["0", "1.5", "half"])("refuses %s", async (share) => {
    const { code, err } = await cli("quantize", ...shared, "--promote", share, "--out", place.path("none"));
    expect(code).toBe(2);
    expect(err).toMatch(/--promote: must be a number in/);
  });
});
