import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpy } from "../../src/data/index.ts";
import { exportOnnx } from "../../src/onnx/index.ts";
import { Rng } from "../../src/tensor/index.ts";
import { residualNetwork, residualSamples, stacked } from "../quant/reconstruct/residual.ts";
import { runs } from "../runs.ts";
import { cli } from "./bench.ts";

const root = mkdtempSync(join(tmpdir(), "inlierq-resume-"));
const path = (name: string): string => join(root, name);
afterAll(() => rmSync(root, { recursive: true }));

const job = (out: string, ...more: string[]): string[] => [
  ...["quantize", path("net.onnx"), "--calibrate", path("x.npy"), "--out", path(out), "--gate=sqnr=-100", "--no-check"],
  ...["--scheme", "W3A4", "--method", "brecq", "--set", "steps=12", "--threads", "1", ...more],
];

/** Everything a run left, but for the times. */
const filesOf = (folder: string): Map<string, string> =>
  new Map(
    readdirSync(path(folder), { recursive: true, withFileTypes: true })
      .filter((e) => e.isFile() && e.name !== "timing.json")
      .map((e): [string, string] => [join(e.parentPath, e.name), readFileSync(join(e.parentPath, e.name), "base64")])
      .map(([name, contents]): [string, string] => [name.slice(path(folder).length), contents])
      .sort(),
  );

/** The command line in one file that starts quickly. */
async function bundled(): Promise<void> {
  await build({
    configFile: false,
    logLevel: "error",
    ssr: { noExternal: true, external: ["onnxruntime-web"] },
    build: { ssr: join(import.meta.dirname, "../../src/cli/main.ts"), outDir: path("bundle"), emptyOutDir: true, minify: false },
  });
  writeFileSync(
    path("run.mjs"),
    `import { main } from ${JSON.stringify(path("bundle/main.js"))};\nprocess.exitCode = await main(process.argv.slice(2));\n`,
  );
  writeFileSync(path("package.json"), '{ "type": "module" }');
}

let wanted: Map<string, string>;
beforeAll(async () => {
  writeFileSync(path("net.onnx"), exportOnnx(residualNetwork(1)));
  writeFileSync(path("x.npy"), writeNpy(stacked(residualSamples(1, 18))));
  await bundled();
  expect(await cli(...job("whole"))).toMatchObject({ code: 0, err: "" });
  wanted = filesOf("whole");
}, 120_000);

/** Runs in a process of its own, which gets a signal once its progress has come so far. */
function killedAt(
  fraction: number,
  argv: readonly string[],
  signal: NodeJS.Signals = "SIGKILL",
): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [path("run.mjs"), ...argv, "--json"], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    said += chunk;
    const done = [...said.matchAll(/"fraction":([\d.e-]+)/g)].at(-1);
    if (done && Number(done[1]) >= fraction && !child.killed) child.kill(signal);
  });
  return new Promise((found) => child.once("close", (code) => found({ code, said })));
}

describe("a run killed at any moment", () => {
  it("is resumed to the same files", { timeout: 300_000 }, async () => {
    const rng = new Rng("kills");
    let taken = 0;
    for (let i = 0; i < runs(20); i++) {
      const out = `killed${i}`;
      await killedAt(rng.float() * 1.02, job(out));
      const finished = existsSync(path(`${out}/record.json`)) && !existsSync(path(`${out}/unfinished`));
      if (!finished) {
        const { code, err, out: said } = await cli(...job(out, "--resume"));
        expect([code, err], out).toEqual([0, ""]);
        taken += Number(said.includes("resumed: "));
      }
      expect(filesOf(out), out).toEqual(wanted);
    }
    expect(taken).toBeGreaterThan(5);
  });
});

/** A copy of the output folder of a run that was interrupted with some units finished. */
async function interrupted(name: string): Promise<string> {
  if (!existsSync(path("interrupted"))) {
    const { code, said } = await killedAt(0.75, job("interrupted"), "SIGINT");
    expect(code).toBe(1);
    expect(said.trimEnd().split("\n").at(-1)).toMatch(/^aborted: \d+ finished units are in .*unfinished \(--resume goes on with them\)$/);
    expect(readdirSync(path("interrupted"))).toEqual(["unfinished"]);
  }
  cpSync(path("interrupted"), path(name), { recursive: true });
  return name;
}

const units = (folder: string): string[] =>
  readdirSync(path(`${folder}/unfinished`))
    .filter((f) => f.endsWith(".safetensors"))
    .sort();

describe("an interrupted run", () => {
  it("is an error where nobody says what to do with it, and starts anew with --force", async () => {
    const out = await interrupted("asked");
    const refused = await cli(...job(out));
    expect([refused.code, refused.err.trimEnd().split("\n").length]).toEqual([2, 1]);
    expect(refused.err).toMatch(/must hold no interrupted run, got .*unfinished \(--resume goes on with it, --force starts anew\)/);
    const forced = await cli(...job(out, "--force"));
    expect([forced.code, forced.out.includes("resumed")]).toEqual([0, false]);
    expect(filesOf(out)).toEqual(wanted);
  });

  it("is not resumed with anything changed, and stays as it was", async () => {
    const out = await interrupted("refused");
    const before = filesOf(out);
    writeFileSync(path("other.onnx"), exportOnnx(residualNetwork(2)));
    mkdirSync(path("other"), { recursive: true });
    writeFileSync(path("other/x.npy"), writeNpy(stacked(residualSamples(2, 18))));
    const swapped = (from: string, to: string): string[] => job(out, "--resume").map((word) => (word === path(from) ? path(to) : word));
    const cases: (readonly [string[], RegExp])[] = [
      [[...job(out, "--resume"), "--seed", "3"], /seed must be as in the unfinished run, 0, got 3/],
      [[...job(out, "--resume"), "--set", "steps=13"], /brecq\.steps must be as in the unfinished run, 12, got 13/],
      [[...job(out, "--resume"), "--method", "qdrop"], /method must be as in the unfinished run, "brecq", got "qdrop"/],
      [[...job(out, "--resume"), "--samples", "17"], /samples must be as in the unfinished run, 64, got 17/],
      [[...job(out, "--resume"), "--exclude", "one*"], /exclude must be as in the unfinished run, none, got \["one\*"\]/],
      [swapped("net.onnx", "other.onnx"), /the model must be as in the unfinished run, got another one/],
      [swapped("x.npy", "other/x.npy"), /sample ".*" must be as in the unfinished run, got other/],
    ];
    for (const [argv, message] of cases) {
      const { code, err } = await cli(...argv);
      expect([code, err.trimEnd().split("\n").length], err).toEqual([2, 1]);
      expect(err).toMatch(message);
    }
    const key = path(`${out}/unfinished/key.json`);
    const written = readFileSync(key, "utf8");
    writeFileSync(key, written.replace(/"version":"[^"]*"/, '"version":"0.0.1"'));
    expect((await cli(...job(out, "--resume"))).err).toMatch(/the version must be as in the unfinished run, 0\.0\.1, got /);
    writeFileSync(key, written.slice(0, 100));
    expect((await cli(...job(out, "--resume"))).err).toMatch(/key\.json must be as in the unfinished run, got a damaged one/);
    rmSync(key);
    expect((await cli(...job(out, "--resume"))).err).toMatch(/key\.json must be as in the unfinished run, got none/);
    writeFileSync(key, written);
    expect(filesOf(out)).toEqual(before);
  });

  it("learns again what a fault damaged, and all behind it", async () => {
    const faults: ((file: string) => void)[] = [
      (file) => writeFileSync(file, readFileSync(file).subarray(0, 100)),
      (file) => rmSync(file),
      (file) =>
        writeFileSync(
          file,
          readFileSync(file).map((byte, i, all) => (i === all.length - 1 ? byte ^ 1 : byte)),
        ),
    ];
    for (const [i, fault] of faults.entries()) {
      const out = await interrupted(`damaged${i}`);
      const names = units(out);
      expect(names.length).toBeGreaterThan(2);
      fault(path(`${out}/unfinished/${names[1]}`));
      const { code, out: said } = await cli(...job(out, "--resume"));
      expect([code, /resumed: (\d+) units/.exec(said)?.[1]]).toEqual([0, "1"]);
      expect(filesOf(out)).toEqual(wanted);
    }
  });

  it("takes over its units and what is left of the time where it has a budget", async () => {
    const budget = ["--budget", "4s"];
    const { code } = await killedAt(0.8, job("timed", ...budget), "SIGINT");
    expect(code).toBe(1);
    const count = units("timed").length;
    const began = performance.now();
    const { code: end, out } = await cli(...job("timed", ...budget, "--resume"));
    expect(end).toBe(0);
    expect(out).toContain(`resumed: ${count} units are finished`);
    expect(out).toMatch(/steps a unit: least \d+, median \d+, most \d+/);
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(existsSync(path("timed/unfinished"))).toBe(false);
  });
});
