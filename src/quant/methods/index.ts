import { adaround } from "./adaround.ts";
import { entropy } from "./entropy.ts";
import { inlierq } from "./inlierq.ts";
import { minmax } from "./minmax.ts";
import { mse } from "./mse.ts";
import { percentile } from "./percentile.ts";
import { qdrop } from "./qdrop.ts";

/** Every method by name, the default first. Jobs, configuration files and the command line offer what is here. */
export const methods = { inlierq, minmax, mse, percentile, entropy, adaround, qdrop } as const;

export type { EntropyMethodOptions } from "./entropy.ts";
export type { InlierqOptions } from "./inlierq.ts";
export type { MseOptions } from "./mse.ts";
export type { PercentileMethodOptions } from "./percentile.ts";
export { adaround, entropy, inlierq, minmax, mse, percentile, qdrop };
