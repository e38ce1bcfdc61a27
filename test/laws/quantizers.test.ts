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
import { LEARNED_ROUNDING, NON_UNIFORM, UNIFORM } from "./subjects.ts";

/** What we ask of ourselves only: others may write -0. */
const unsignedZero = defineLaw<FixedQuantizer>({
  name: "has one zero",
  source: "codes decide values, and no code is -0",
  applies: ({ axis }) => axis === null,
  violation({ fakeQuant, reach = 1 }) {
    const y = fakeQuant(Float32Array.of(-0, -1e-6 * reach), [2]);
    const bad = Array.from(y).findIndex((v) => Object.is(v, -0));
    return bad < 0 ? undefined : { must: "fakeQuant(x) must not be -0", got: "-0", at: { element: bad } };
  },
});

const onEvery = <Q extends FixedQuantizer>(laws: readonly Law<Q>[]): Law<QuantizerFamily<Q>>[] => laws.map((law) => onEveryFit(law));

describe.each(UNIFORM)("$name", (family) => {
  obeys(family, [...uniformFamilyLaws, ...onEvery<UniformQuantizer>([...uniformLaws, ...perChannelLaws, unsignedZero])]);
});

describe.each(NON_UNIFORM)("$name", (family) => obeys(family, [...familyLaws, ...onEvery([...nonUniformLaws, ...perChannelLaws])]));

describe.each(LEARNED_ROUNDING)("$name", (family) => obeys(family, [...familyLaws, ...onEvery(fittedLaws)]));

describe("parameters", () => obeys(chosenParameters, parameterLaws));
