import { describe } from "vitest";
import {
  chosenParameters,
  defineLaw,
  type FixedQuantizer,
  familyLaws,
  fittedLaws,
  type Law,
  nonUniformLaws,
  onEveryFit,
  parameterLaws,
  perChannelLaws,
  type QuantizerFamily,
  type UniformQuantizer,
  uniformFamilyLaws,
  uniformLaws,
} from "../../src/laws/index.ts";
import { obeys } from "./obeys.ts";
import { EXPONENTIAL, LEARNED_ROUNDING, NON_UNIFORM, UNIFORM } from "./subjects.ts";

/** What we ask of ourselves only: others may write -0. */
const unsignedZero = defineLaw<FixedQuantizer>({
  name: "has one zero",
  source: "codes decide values, and no code is -0",
  applies: ({ axis }) => axis === null,
  violation({ fakeQuant }) {
    const y = fakeQuant(Float32Array.of(-0, -1e-6), [2]);
    const bad = Array.from(y).findIndex((v) => Object.is(v, -0));
    return bad < 0 ? undefined : { must: "fakeQuant(x) must not be -0", got: "-0", at: { element: bad } };
  },
});

const onEvery = <Q extends FixedQuantizer>(laws: readonly Law<Q>[]): Law<QuantizerFamily<Q>>[] => laws.map((law) => onEveryFit(law));

describe.each(UNIFORM)("$name", (family) => {
  obeys(family, [...uniformFamilyLaws, ...onEvery<UniformQuantizer>([...uniformLaws, ...perChannelLaws, unsignedZero])]);
});

/** What speaks of something that one of a family's quantizers has: a promise, the quantizer of one channel. */
const spokenOf = (family: QuantizerFamily, laws: readonly Law<FixedQuantizer>[]): Law<FixedQuantizer>[] => {
  const fitted = family.fit({ x: Float32Array.of(1, -2), shape: [2, 1] }, { ...family.schemes[0], axis: 0 });
  return laws.filter((law) => law.applies(fitted));
};
const levelLaws = [...nonUniformLaws, ...perChannelLaws];

describe.each(NON_UNIFORM)("$name", (family) => obeys(family, [...familyLaws, ...onEvery(spokenOf(family, levelLaws))]));

const withoutScaling = familyLaws.filter(({ name }) => name !== "commutes with scaling by powers of two");
describe.each(EXPONENTIAL)("$name", (family) => obeys(family, [...withoutScaling, ...onEvery(spokenOf(family, levelLaws))]));

describe.each(LEARNED_ROUNDING)("$name", (family) => obeys(family, [...familyLaws, ...onEvery(fittedLaws)]));

describe("parameters", () => obeys(chosenParameters, parameterLaws));
