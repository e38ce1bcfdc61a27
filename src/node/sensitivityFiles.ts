import type { SensitivityResult } from "../job/index.ts";
import { costText, damageText } from "../quant/index.ts";
import { makeSensitivity } from "../report/index.ts";
import { shownJson } from "../shown.ts";

/** Everything a ranking leaves behind: sensitivity.json, sensitivity.md with its figure, and config.json where a budget was given. */
export function sensitivityFiles({ record, config }: SensitivityResult): Map<string, string> {
  const { proposal } = record;
  const costs = proposal && ([costText(proposal.budget, proposal.budget.limit), costText(proposal.budget, proposal.spent)] as const);
  return new Map([
    ["sensitivity.json", `${shownJson(record, 2)}\n`],
    ...(config ? [["config.json", `${shownJson(config, 2)}\n`] as const] : []),
    ...makeSensitivity(record, costs ?? undefined, damageText),
  ]);
}
