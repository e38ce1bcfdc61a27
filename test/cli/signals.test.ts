import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, expect, it } from "vitest";
import { workplace } from "./bench.ts";

const place = workplace();
afterAll(() => place.clear());

const SCRIPT = `import { main } from ${JSON.stringify(join(import.meta.dirname, "../../src/cli/main.ts"))};
process.exitCode = await main(process.argv.slice(1));`;

/** Starts a job in its own process and waits for its first word on stdout, the estimate. */
async function started(): Promise<ChildProcess> {
  const argv = ["quantize", place.model, "--card", place.card, "--calibrate", place.photos, "--out", place.out, "--no-check"];
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

const ended = (child: ChildProcess): Promise<number | null> => new Promise((found) => child.once("exit", (code) => found(code)));

it("a killed run leaves no file", async () => {
  const before = readdirSync(place.root);
  const child = await started();
  child.kill("SIGKILL");
  await ended(child);
  expect(readdirSync(place.root)).toEqual(before);
});

it("an interrupted run says so, ends with 1 and leaves no file", async () => {
  const before = readdirSync(place.root);
  const child = await started();
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.kill("SIGINT");
  expect(await ended(child)).toBe(1);
  expect(said.trim()).toBe("aborted, nothing was written");
  expect(readdirSync(place.root)).toEqual(before);
});
