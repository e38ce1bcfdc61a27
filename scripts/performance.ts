/**
 * Writes docs/performance.json and docs/performance.md from what `npm run bench`, `bench:peers` and `bench:job` left in
 * out/bench: `npm run performance`. A run replaces the stored one of the same kind and Node; the others stay.
 *
 *   --render   takes nothing from out/bench: the page is written from what is stored
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { flagsOf, script } from "../bench/flags.ts";
import { ROOT } from "../bench/machine.ts";
import { nodeOf, type Run } from "./performance/figures.ts";
import { merged, store, stored } from "./performance/merge.ts";
import { render } from "./performance/render.ts";

const STORE = join(ROOT, "docs/performance.json");
const MEASURED = join(ROOT, "out/bench");
/** Runs over a part of the rows have another name and stay out. */
const WHOLE = /^(kernels|peers|job)-node\d+\.json$/;

function main(argv: readonly string[]): void {
  const { render: stay } = flagsOf("performance", argv, { render: { type: "boolean" } });
  const known = existsSync(STORE) ? stored(readFileSync(STORE, "utf8"), STORE) : [];
  const files = stay || !existsSync(MEASURED) ? [] : readdirSync(MEASURED).filter((name) => WHOLE.test(name));
  const fresh = files.map((name) => JSON.parse(readFileSync(join(MEASURED, name), "utf8")) as Run);
  const runs = merged(known, fresh);
  writeFileSync(STORE, store(runs));
  writeFileSync(join(ROOT, "docs/performance.md"), render(runs));
  console.log(`${runs.map((run) => `${run.kind} of Node ${nodeOf(run)}`).join(", ") || "no runs"}: docs/performance.md`);
}

await script(() => main(process.argv.slice(2)));
