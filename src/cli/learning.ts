import { type Estimate, median } from "../job/index.ts";
import type { UnitRecord } from "../quant/index.ts";
import { clock } from "./progress.ts";
import { short } from "./text.ts";

/** What learning will take, as the line before the work says it; nothing for methods that learn nothing. */
export const learningEstimate = ({ learning }: Estimate): string =>
  learning
    ? `; learning takes about ${clock(1000 * learning.seconds)} min of it, ${short(learning.bytes)}B in memory and ${short(learning.disk)}B on disk`
    : "";

/** What learning did, in lines; with the numbers of steps where a budget decided them. */
export function learningLines(units: readonly UnitRecord[], budgeted: boolean): string[] {
  if (units.length === 0) return [];
  const { improved, error } = learningSummary(units);
  const lines = [`${improved} of ${units.length} units improved; mean held-out error ${error.toFixed(2)} of nearest rounding`];
  const steps = units.map((u) => u.steps);
  if (budgeted) lines.push(`steps a unit: least ${Math.min(...steps)}, median ${median(steps)}, most ${Math.max(...steps)}`);
  return lines;
}

/** Units whose learned values were kept, and the mean of the relative errors that remain. */
export function learningSummary(units: readonly UnitRecord[]): { improved: number; error: number } {
  const left = units.map((u) => (u.kept ? u.hard : u.biases));
  return { improved: units.filter((u) => u.kept).length, error: left.reduce((a, b) => a + b, 0) / left.length };
}
