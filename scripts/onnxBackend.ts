import { countOf, formatOutcomes } from "./onnxBackend/report.ts";
import { runCase } from "./onnxBackend/runCase.ts";
import { findCases, HOW_TO_INSTALL, listCases } from "./onnxBackend/suite.ts";

/** `npm run test:onnx [-- --unsupported]`: runs the ONNX backend cases; exit 1 on a failure, 0 where there are no cases. */
function main(options: readonly string[]): number {
  const root = findCases();
  if (root === undefined) {
    console.log(HOW_TO_INSTALL);
    return 0;
  }
  const outcomes = listCases().map((listed) => runCase(root, listed));
  console.log(formatOutcomes(outcomes, options.includes("--unsupported")));
  return countOf(outcomes, "failed") > 0 ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));
