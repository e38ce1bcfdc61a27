import { familyOf, type QuantizerFamily, roundingFamily, type UniformQuantizer, uniformFamily } from "../../src/laws/index.ts";
import { adaround } from "../../src/quant/quantizer/adaround.ts";
import { additivePowerOfTwo } from "../../src/quant/quantizer/additivePowerOfTwo.ts";
import { dsq } from "../../src/quant/quantizer/dsq.ts";
import { logAffine } from "../../src/quant/quantizer/logAffine.ts";
import { lsq } from "../../src/quant/quantizer/lsq.ts";
import { powerOfTwo } from "../../src/quant/quantizer/powerOfTwo.ts";
import { subset } from "../../src/quant/quantizer/subset.ts";
import { uniformAffine } from "../../src/quant/quantizer/uniformAffine.ts";
import { type Mapping, makeScheme, type Scheme } from "../../src/quant/scheme.ts";

/** One line a quantizer on a uniform grid. */
export const UNIFORM: readonly QuantizerFamily<UniformQuantizer>[] = [
  uniformFamily(uniformAffine),
  uniformFamily(dsq()),
  uniformFamily(lsq({ zeroPoint: true })),
];

const formats = (most: number, signed: boolean, ...mappings: readonly Mapping[]): Scheme[] =>
  mappings.flatMap((mapping) => Array.from({ length: most - 1 }, (_, i) => makeScheme({ bits: i + 2, signed, mapping })));
const signed = formats(8, true, "symmetricHalf", "symmetricNarrow", "affine");
const unsigned = formats(8, false, "affine");
const full = formats(8, true, "symmetricHalf", "affine");

/** One line a quantizer on levels that commute with powers of two: `familyOf` with what it promises. */
export const NON_UNIFORM: readonly QuantizerFamily[] = [
  familyOf(powerOfTwo, { schemes: signed, promises: ["zero is a level", "odd", "nearest level"] }),
  familyOf({ ...powerOfTwo, name: "powerOfTwo, unsigned" }, { schemes: unsigned, promises: ["zero is a level", "nearest level"] }),
  familyOf(additivePowerOfTwo, { schemes: signed, promises: ["zero is a level", "odd", "nearest level"] }),
  familyOf(
    { ...additivePowerOfTwo, name: "additivePowerOfTwo, unsigned" },
    { schemes: unsigned, promises: ["zero is a level", "nearest level"] },
  ),
  // At 4 bits a fit looks at 6435 sets.
  familyOf(subset, { schemes: formats(3, true, "symmetricHalf", "symmetricNarrow", "affine"), promises: ["odd", "nearest level"] }),
  familyOf(logAffine({ mode: "shift" }), { schemes: full, promises: ["odd"] }),
  familyOf({ ...logAffine({ mode: "shift", centre: "median" }), name: "logAffine-shift about the median" }, { schemes: full }),
];

/** One line a quantizer on levels that are rounded exponentials. */
export const EXPONENTIAL: readonly QuantizerFamily[] = [
  familyOf(logAffine({ mode: "exact" }), { schemes: full }),
  familyOf(
    { ...logAffine({ mode: "exact", zero: false, centre: "median" }), name: "logAffine-exact about the median, without zero" },
    { schemes: full },
  ),
];

/** One line a quantizer that learns a rounding for every value. */
export const LEARNED_ROUNDING: readonly QuantizerFamily[] = [roundingFamily(adaround)];
