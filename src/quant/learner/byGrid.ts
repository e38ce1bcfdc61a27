import type { WeightLearner } from "./learner.ts";

/** One learner for uniform grids, another for grids of levels: a network may have both. */
export function byGrid(uniform: WeightLearner, levels: WeightLearner): WeightLearner {
  const of = (site: Parameters<WeightLearner["start"]>[1]): WeightLearner => (site.levels ? levels : uniform);
  return {
    name: `${uniform.name}/${levels.name}`,
    start: (w, site) => of(site).start(w, site),
    rates: (w, site) => of(site).rates(w, site),
    soft: (w, site, learned) => of(site).soft(w, site, learned),
    pull: (learned, sharpness, w, site) => of(site).pull?.(learned, sharpness, w, site),
    harden: (w, site, learned) => of(site).harden(w, site, learned),
  };
}
