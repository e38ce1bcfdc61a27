import type { ClaimSource, ToySeed } from "./record.ts";

/**
 * A claim of Reg-PTQ Sec. 3 in our words, and the rule that decides it. The rules were written before the first run and
 * are not fitted to it, but for those of a "later control"; `judge` applies them.
 */
export interface Claim {
  readonly id: string;
  readonly of: ClaimSource;
  readonly claim: string;
  /** `measure` and `satisfied` in words. */
  readonly rule: string;
  /** One number from a seed's measurements. */
  measure(seed: ToySeed): number;
  /** Whether a seed with this number speaks for the claim. NaN must not. */
  satisfied(value: number): boolean;
  readonly note: string;
}
