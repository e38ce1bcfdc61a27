export { packBits, packedBytes, unpackBits } from "./bits.ts";
export { type IntegerModel, inferInteger, prepareInteger } from "./prepare.ts";
export { type Equality, type FloatCloseness, proveEquality, type SiteEquality } from "./prove.ts";
