/** Our engine as a process of the benchmark; the first word names the variant. Every output is verified before it is timed. */

import { VERSION } from "../../src/index.ts";
import { VARIANTS } from "../ours/variants.ts";
import { PROBLEMS } from "../problems.ts";
import { NOT_OFFERED } from "../solver.ts";
import { prepareOurs, variantsFor } from "../workloads/solved.ts";
import { serveBy } from "./serve.ts";

const variant = VARIANTS.find(({ name }) => name === (process.argv[2] ?? ""));

await serveBy(VERSION, async ({ id }, inputs) => {
  const problem = PROBLEMS.find((p) => p.id === id);
  if (!problem || !variant || !variantsFor(problem).includes(variant)) return NOT_OFFERED;
  const prepared = await prepareOurs(problem, variant, inputs);
  if (typeof prepared !== "string") await prepared.verify();
  return prepared;
});
