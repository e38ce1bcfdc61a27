import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, expect, it } from "vitest";
import { workplace } from "./bench.ts";

const place = workplace();
afterAll(() => place.clear());

const PICTURES = 400;
const picture = readFileSync(join(place.photos, "0.png"));
for (let i = 0; i < PICTURES; i++) place.write(`photos/many${i}.png`, picture);

const SCRIPT = `import { main } from ${JSON.stringify(join(import.meta.dirname, "../../src/cli/main.ts"))};
process.exitCode = await main(process.argv.slice(1));`;

/** Starts a job of some seconds in its own process and waits for its first word on stdout, the estimate. */
async function started(samples = PICTURES): Promise<ChildProcess> {
  const where = ["--card", place.card, "--calibrate", place.photos, "--out", place.out];
  const argv = ["quantize", place.model, ...where, "--samples", String(samples), "--no-check"];
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", SCRIPT, "--", ...argv], {
    cwd: resolve(import.meta.dirname, "../.."),
    stdio: ["ignore", "pipe", "pipe"],
  });
  await new Promise<void>((found, fail) => {
    child.stdout?.once("data", () => found());
    child.once("exit", (code) => fail(new Error(`ended with ${code} before it began`)));
  });
  return child;
}

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it wrote on stderr. */
  readonly said: string;
}

/** Sends a signal and waits until the process has ended and everything it said has arrived. */
function end(child: ChildProcess, signal: NodeJS.Signals): Promise<End> {
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.kill(signal);
  return new Promise((found) => child.once("close", (code, by) => found({ code, signal: by, said: said.trim() })));
}

it("a killed run leaves no file", async () => {
  const before = readdirSync(place.root);
  expect(await end(await started(), "SIGKILL")).toEqual({ code: null, signal: "SIGKILL", said: "" });
  expect(readdirSync(place.root)).toEqual(before);
});

it("an interrupted run says so, ends with 1 and leaves no file", async () => {
  const before = readdirSync(place.root);
  expect(await end(await started(), "SIGINT")).toEqual({ code: 1, signal: null, said: "aborted, nothing was written" });
  expect(readdirSync(place.root)).toEqual(before);
});

it("goes on to its end where nobody reads what it says any more", async () => {
  const child = await started(8);
  child.stdout?.destroy();
  const code = await new Promise((done) => child.once("exit", done));
  expect([0, 3]).toContain(code);
  expect(readdirSync(place.out)).toContain("record.json");
}, 60_000);
