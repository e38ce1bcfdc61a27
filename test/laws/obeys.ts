import { expect, test } from "vitest";
import { type Law, lawReport, type Named } from "../../src/laws/index.ts";

/** One test a law: a broken one fails with its counterexample, one that cannot apply is a mistake in the test. */
export function obeys<S extends Named>(subject: S, laws: readonly Law<S>[]): void {
  for (const law of laws) {
    test(law.name, () => {
      const { outcome, error } = lawReport(subject, law);
      if (error) throw error;
      expect(outcome).toBe("holds");
    });
  }
}
