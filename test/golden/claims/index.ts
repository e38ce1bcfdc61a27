import type { Claims } from "../runner.ts";
import { claims as coco } from "./coco.ts";
import { claims as det } from "./det.ts";
import { claims as e2e } from "./e2e.ts";
import { claims as em } from "./em.ts";
import { claims as formats } from "./formats.ts";
import { claims as nn } from "./nn.ts";
import { claims as ops } from "./ops.ts";
import { claims as quant } from "./quant.ts";
import { claims as voc } from "./voc.ts";

/** Which family each file of claims answers; a family may have several files. */
const FAMILIES: Readonly<Record<string, readonly Claims[]>> = {
  coco: [coco],
  det: [det],
  e2e: [e2e],
  em: [em],
  formats: [formats],
  ops: [ops, nn],
  quant: [quant],
  voc: [voc],
};

/** All claims of a family; without any, each of its cases counts as unclaimed. */
export function claimsFor(family: string): Claims {
  return Object.assign({}, ...(FAMILIES[family] ?? [])) as Claims;
}
