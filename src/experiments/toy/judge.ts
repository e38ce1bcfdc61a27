import type { Claim } from "./claim.ts";
import { deviation, mean, rounded } from "./measures.ts";
import type { ClaimRecord, ToySeed, Verdict } from "./record.ts";

/** Shares of the seeds that must satisfy a rule. */
const HOLDS = 0.8;
const FAILS = 0.2;

/** "holds" when four fifths of the seeds satisfy the rule, "does not hold" when at most a fifth does, else "mixed". */
export function verdictOf(satisfied: number, seeds: number): Verdict {
  if (satisfied >= HOLDS * seeds) return "holds";
  return satisfied <= FAILS * seeds ? "does not hold" : "mixed";
}

/** Holds a claim against the numbers of all seeds. */
export function judge(claim: Claim, seeds: readonly ToySeed[]): ClaimRecord {
  const { id, of, claim: text, rule, note } = claim;
  const values = seeds.map((seed) => rounded(claim.measure(seed)));
  const satisfied = values.filter((v) => claim.satisfied(v)).length;
  return {
    ...{ id, of, claim: text, rule, values },
    mean: rounded(mean(values)),
    deviation: rounded(deviation(values)),
    satisfied,
    verdict: verdictOf(satisfied, seeds.length),
    note,
  };
}
