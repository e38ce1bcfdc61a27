import { beforeAll, describe, expect, test } from "vitest";
import { countOf } from "../../scripts/onnxBackend/report.ts";
import { type Outcome, runCase } from "../../scripts/onnxBackend/runCase.ts";
import { findCases, HOW_TO_INSTALL, listCases } from "../../scripts/onnxBackend/suite.ts";

/** Core cases that must pass. */
const LEAST_CORE = 335;

const root = findCases();
if (root === undefined) console.log(`skipped: ${HOW_TO_INSTALL}`);

describe.skipIf(root === undefined)("the ONNX backend cases", () => {
  let outcomes: readonly Outcome[] = [];
  beforeAll(() => {
    outcomes = listCases().map((listed) => runCase(root as string, listed));
  });

  test("none that is imported gives another result", () => {
    expect(outcomes.flatMap(({ status, reason }) => (status === "failed" ? [reason] : []))).toEqual([]);
  });

  test("the core is covered", () => {
    expect(
      countOf(
        outcomes.filter((outcome) => outcome.tier === "core"),
        "passed",
      ),
    ).toBeGreaterThanOrEqual(LEAST_CORE);
  });

  test("what is refused is refused in one line that names the case", () => {
    for (const { case: name, status, reason } of outcomes) {
      if (status === "unsupported") expect(reason).toMatch(new RegExp(`^${name}: [^\\n]+$`));
    }
  });
});
