import type { Claims } from "../runner.ts";
import { claims as ops } from "./ops.ts";
import { claims as quant } from "./quant.ts";

/** Which family each file of claims answers; a family may have several files. */
const FAMILIES: Readonly<Record<string, readonly Claims[]>> = {
  ops: [ops],
  quant: [quant],
};

/** All claims of a family; without any, each of its cases counts as unclaimed. */
export function claimsFor(family: string): Claims {
  return Object.assign({}, ...(FAMILIES[family] ?? [])) as Claims;
}
