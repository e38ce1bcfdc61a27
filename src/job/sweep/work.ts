import { InlierqError } from "../../errors.ts";
import { assign, stagesOf } from "../../quant/index.ts";
import { methodOf } from "../config.ts";
import { layersOf } from "../layers.ts";
import type { LoadedModel } from "../model.ts";
import { workOf } from "../ranking.ts";
import type { SweepRun } from "./plan.ts";

/** Detection of one picture, and the score error on some, in float forwards. */
const EVALUATING = 2;

/** What a run takes, in float forwards, so that progress over all of them is even. A run that will be refused counts little. */
export function runWork(
  { config }: SweepRun,
  model: LoadedModel,
  pictures: { readonly calibration: number; readonly evaluation: number },
): number {
  const evaluating = EVALUATING * pictures.evaluation;
  if (!config) return evaluating;
  try {
    const { assign: layers } = layersOf(config, model);
    const options = { assign: layers, seed: config.seed ?? 0 };
    const assignment = assign(model.graph, layers);
    return evaluating + workOf(stagesOf(model.graph, methodOf(config), options, assignment, pictures.calibration));
  } catch (error) {
    // The run itself meets the same error and says it.
    if (error instanceof InlierqError) return evaluating;
    throw error;
  }
}
