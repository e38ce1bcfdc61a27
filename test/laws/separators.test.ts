import { describe } from "vitest";
import { fitGmm, type GmmOptions, gmm1d, kmeans1d, type Separator, svm1d } from "../../src/em/index.ts";
import { type MixtureFit, mixtureLaws, separatorLaws } from "../../src/laws/index.ts";
import { obeys } from "./obeys.ts";

/** Without the floor of 16 volumes, the one rule that counts in absolute numbers. */
const floorCount = 0;

/** One line a separator. */
const SEPARATORS: readonly Separator[] = [
  gmm1d({ floorCount }),
  { ...gmm1d({ floorCount, transform: "sqrt" }), name: "gmm1d sqrt" },
  { ...gmm1d({ floorCount, transform: "log" }), name: "gmm1d log" },
  { ...gmm1d({ floorCount, monotone: false }), name: "gmm1d literal" },
  kmeans1d(),
  svm1d(),
];

const mixture = (name: string, own: GmmOptions, traits: Omit<MixtureFit, "name" | "split"> = {}): MixtureFit => ({
  ...{ name, ...traits },
  split: (scores, options) => fitGmm(scores, { ...own, ...options }),
});

/** One line a mixture. */
const MIXTURES: readonly MixtureFit[] = [
  mixture("the mixture", {}),
  mixture("the mixture of square roots", { transform: "sqrt" }, { transformed: true }),
  mixture("the mixture of logarithms", { transform: "log" }, { transformed: true }),
  mixture("the literal mixture", { monotone: false }, { guard: "off" }),
];

describe.each(SEPARATORS)("$name", (separator) => obeys(separator, separatorLaws));

describe.each(MIXTURES)("$name", (fit) =>
  obeys(
    fit,
    mixtureLaws.filter((law) => law.applies(fit)),
  ),
);
