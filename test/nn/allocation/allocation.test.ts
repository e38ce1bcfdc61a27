import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { kernelPolicy } from "../../../src/tensor/index.ts";

interface PerStep {
  readonly arrays: number;
  readonly heap: number;
  readonly external: number;
}

function measure(how: "replayed" | "eager", steps: number): PerStep {
  const script = join(import.meta.dirname, "steps.ts");
  const { stdout, stderr } = spawnSync(process.execPath, ["--expose-gc", "--import", "tsx", script, how, String(steps)], {
    encoding: "utf8",
  });
  expect(stderr.replace(/^npm warn.*\n/gm, "")).toBe("");
  return JSON.parse(stdout) as PerStep;
}

test.runIf(kernelPolicy() === "auto")(
  "a replayed optimisation step makes no typed array and leaves nothing behind",
  () => {
    const { arrays, heap, external } = measure("replayed", 800);
    expect(arrays).toBe(0);
    expect(heap).toBeLessThan(1024);
    expect(external).toBeLessThan(64);
    // The measure sees what the same steps make one by one.
    expect(measure("eager", 10).arrays).toBeGreaterThan(10);
  },
  60_000,
);
