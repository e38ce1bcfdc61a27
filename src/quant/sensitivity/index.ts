export { type Budget, costText, parseBudget, type Spending, spend, startingCost } from "./budget.ts";
export { type Damage, type DamageText, damageText } from "./damage.ts";
export { type High, type Item, itemsOf, rulesOf } from "./items.ts";
export { damageOf, type Mode, modes, type Plans, type Ranked, type Ranking, type RankProblem, rank, rankSteps, rankWork } from "./rank.ts";
export {
  type Promotion,
  type Proposal,
  SENSITIVITY_VERSION,
  type SensitivityItem,
  type SensitivityRecord,
  sensitivityItems,
} from "./record.ts";
