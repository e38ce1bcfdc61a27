import { adaquant } from "./adaquant.ts";
import { adaround } from "./adaround.ts";
import { brecq } from "./brecq.ts";
import { entropy } from "./entropy.ts";
import { inlierq } from "./inlierq.ts";
import { lidarptq } from "./lidarptq.ts";
import { minmax } from "./minmax.ts";
import { mse } from "./mse.ts";
import { pdquant } from "./pdquant.ts";
import { percentile } from "./percentile.ts";
import { qdrop } from "./qdrop.ts";
import { regptq } from "./regptq.ts";
import { subsetq } from "./subsetq.ts";

/** Every method by name, the default first. Jobs, configuration files and the command line offer what is here. */
export const methods = {
  inlierq,
  minmax,
  percentile,
  mse,
  entropy,
  adaround,
  adaquant,
  brecq,
  qdrop,
  pdquant,
  subsetq,
  lidarptq,
  regptq,
} as const;

export type { AdaquantOptions } from "./adaquant.ts";
export type { AdaroundOptions } from "./adaround.ts";
export type { BrecqOptions } from "./brecq.ts";
export type { EntropyMethodOptions } from "./entropy.ts";
export type { InlierqOptions } from "./inlierqOptions.ts";
export type { LidarptqOptions } from "./lidarptq.ts";
export type { MseOptions } from "./mse.ts";
export type { PdquantOptions } from "./pdquant.ts";
export type { PercentileMethodOptions } from "./percentile.ts";
export type { QdropOptions } from "./qdrop.ts";
export type { RegptqOptions } from "./regptq.ts";
export type { SubsetqOptions } from "./subsetq.ts";
export { adaquant, adaround, brecq, entropy, inlierq, lidarptq, minmax, mse, pdquant, percentile, qdrop, regptq, subsetq };
