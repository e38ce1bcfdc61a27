/** Studies from papers: one function each, from a configuration to a record. */

export { CLAIMS, type Claim } from "./toy/claims.ts";
export { judge, verdictOf } from "./toy/judge.ts";
export {
  type ClaimRecord,
  type ClaimSource,
  ESTIMATES,
  type EstimateName,
  NETS,
  type NetName,
  NOISES,
  type NoiseName,
  type ToyConfig,
  type ToyRecord,
  type ToySeed,
  type Verdict,
} from "./toy/record.ts";
export { runToy, TOY_CONFIG } from "./toy/runToy.ts";
