import { keeping, type LayerPolicy, policies, requireLayers } from "../quant/index.ts";
import type { QuantizeConfig } from "./config.ts";
import { type BareModel, endLayers, type LoadedModel } from "./model.ts";

/** What a policy comes to for one model. */
export interface Kept {
  /** Name of the policy, as the record writes it. */
  readonly policy: string;
  /** Patterns of the layers it leaves in float. */
  readonly keep: readonly string[];
}

/** The configured policy, by name or by its own patterns. Errors: ArgumentError for a pattern that matches no layer. */
export function policyOf(configured: QuantizeConfig["policy"], model: LoadedModel | BareModel): Kept {
  if (configured && typeof configured !== "string") requireLayers(model.graph, "policy", configured.keep);
  const policy: LayerPolicy = typeof configured === "object" ? keeping(configured.keep) : policies[configured ?? "inlierq"];
  return { policy: policy.name, keep: policy.keep(endLayers(model)) };
}
