import { ArgumentError } from "../../src/errors.ts";
import { nodeOf, type Run } from "./figures.ts";

const VERSION = 1;
const KINDS: readonly Run["kind"][] = ["kernels", "peers", "job"];
const keyOf = (run: Run): string => `${KINDS.indexOf(run.kind)}.${nodeOf(run)}`;

/** Known runs, those of the same kind and Node replaced by fresh ones; by kind, then by Node. */
export function merged(known: readonly Run[], fresh: readonly Run[]): Run[] {
  const runs = new Map([...known, ...fresh].map((run) => [keyOf(run), run]));
  return [...runs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, run]) => run);
}

/** The text of the file: one line a row, so that a change shows as such. */
export const store = (runs: readonly Run[]): string => `{"version":${VERSION},"runs":[\n${runs.map(textOf).join(",\n")}\n]}\n`;

function textOf(run: Run): string {
  if (run.kind === "job") return JSON.stringify(run);
  const { rows, ...head } = run;
  return `${JSON.stringify(head).slice(0, -1)},"rows":[\n${rows.map((row) => JSON.stringify(row)).join(",\n")}\n]}`;
}

/** The runs of a file. Errors: ArgumentError where it is of another version. */
export function stored(text: string, file: string): readonly Run[] {
  const { version, runs } = JSON.parse(text) as { version: number; runs: readonly Run[] };
  if (version !== VERSION) throw new ArgumentError("performance", `${file} must have version ${VERSION}, got ${version}`);
  return runs;
}
