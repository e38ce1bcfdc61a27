import type { Outcome } from "./runCase.ts";

const STATUSES = ["passed", "failed", "unsupported"] as const;

/** How many outcomes have a status. */
export const countOf = (outcomes: readonly Outcome[], status: Outcome["status"]): number =>
  outcomes.filter((outcome) => outcome.status === status).length;

const counts = (label: string, outcomes: readonly Outcome[]): string =>
  `${label}: ${STATUSES.map((status) => `${countOf(outcomes, status)} ${status}`).join(", ")} of ${outcomes.length}`;

/** Counts in total, per tier and by what was given while importing; every failure, and with `verbose` every refusal. */
export function formatOutcomes(outcomes: readonly Outcome[], verbose: boolean): string {
  const passed = outcomes.filter((outcome) => outcome.status === "passed");
  const fixed = (["none", "all but the first", "all"] as const).map(
    (which) => `${passed.filter((outcome) => outcome.fixed === which).length} with ${which}`,
  );
  const shown = outcomes.filter(({ status }) => status === "failed" || (verbose && status === "unsupported"));
  return [
    ...shown.map(({ status, reason }) => `${status} ${reason}`),
    counts("all", outcomes),
    ...(["core", "extra"] as const).map((tier) =>
      counts(
        tier,
        outcomes.filter((outcome) => outcome.tier === tier),
      ),
    ),
    `inputs given while importing, of those passed: ${fixed.join(", ")}`,
  ].join("\n");
}
