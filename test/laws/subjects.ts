import { type QuantizerFamily, roundingFamily, type UniformQuantizer, uniformFamily } from "../../src/laws/index.ts";
import { adaround } from "../../src/quant/quantizer/adaround.ts";
import { dsq } from "../../src/quant/quantizer/dsq.ts";
import { lsq } from "../../src/quant/quantizer/lsq.ts";
import { uniformAffine } from "../../src/quant/quantizer/uniformAffine.ts";

/** One line a quantizer on a uniform grid. */
export const UNIFORM: readonly QuantizerFamily<UniformQuantizer>[] = [
  uniformFamily(uniformAffine),
  uniformFamily(dsq()),
  uniformFamily(lsq({ zeroPoint: true })),
];

/** One line a quantizer on any other grid: `familyOf` with what it promises. */
export const NON_UNIFORM: readonly QuantizerFamily[] = [];

/** One line a quantizer that learns a rounding for every value. */
export const LEARNED_ROUNDING: readonly QuantizerFamily[] = [roundingFamily(adaround)];
