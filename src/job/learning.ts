import { ArgumentError } from "../errors.ts";
import { type Assignment, type CalibrateOptions, type GraphModel, type Method, requireLearnable } from "../quant/index.ts";
import { METHOD_NAMES, methodOf } from "./config.ts";

/** Says before the work starts what cannot be learned, or not within a budget. Errors: ArgumentError. */
export function requireLearning(
  { method, calibration }: { readonly method: Method; readonly calibration: CalibrateOptions },
  model: GraphModel,
  { layers }: Assignment,
): void {
  const { reconstruction, name } = method;
  if (reconstruction) requireLearnable(model, reconstruction, new Set(layers.map((l) => l.name)));
  else if (calibration.budget !== undefined) {
    const others = METHOD_NAMES.filter((other) => methodOf({ method: other }).reconstruction);
    throw new ArgumentError("budget", `must come with a method that learns (${others.join(", ")}), got ${name}`);
  }
}
