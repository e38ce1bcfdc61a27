import { defineMethod } from "../method.ts";
import { minmax as minmaxObserver } from "../observer/minmax.ts";

/** The range of everything seen: nothing is clipped. Definition: the least and the largest value seen. */
export const minmax = defineMethod({}, (_: object) => ({
  name: "minmax",
  cite: "min-max calibration",
  about: "The range of everything seen: nothing is clipped.",
  options: {},
  weightObserver: ({ axis }) => minmaxObserver({ axis }),
  activationObserver: ({ axis }) => minmaxObserver({ axis }),
}));
