import { defineMethod } from "../method.ts";
import { minmax as minmaxObserver } from "../observer/minmax.ts";

/** The range of everything seen: nothing is clipped. */
export const minmax = defineMethod({}, (_: object) => ({
  name: "minmax",
  cite: "min-max calibration",
  options: {},
  weightObserver: ({ axis }) => minmaxObserver({ axis }),
  activationObserver: ({ axis }) => minmaxObserver({ axis }),
}));
