/** Studies from papers: one function each, from a configuration to a record. */

export { ARMS, type Arm, armsFor } from "./controls/arms.ts";
export type { ControlArm, ControlComparison, ControlRun, ControlsRecord, ControlVerdict } from "./controls/record.ts";
export { type ControlsJob, compareGains, runControls } from "./controls/runControls.ts";
export type { Claim } from "./toy/claim.ts";
export { CLAIMS } from "./toy/claims.ts";
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
