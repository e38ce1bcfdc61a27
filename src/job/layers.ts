import { type AssignOptions, keeping, type LayerPolicy, parseScheme, policies, requireLayers } from "../quant/index.ts";
import { defined, type QuantizeConfig } from "./config.ts";
import { type BareModel, endLayers, type LoadedModel } from "./model.ts";

/** What a configuration says about the layers of one model. */
export interface LayerSettings {
  /** Name of the policy, as the record writes it. */
  readonly policy: string;
  readonly assign: AssignOptions;
  /** Undefined: the driver's default. */
  readonly biasCorrection: boolean | undefined;
}

/** Which layers a configuration quantizes, and with how many bits. Errors: ArgumentError for a pattern that matches no layer. */
export function layersOf(config: QuantizeConfig, model: LoadedModel | BareModel): LayerSettings {
  const { scheme = "W8A8", policy: configured = "inlierq", bits = [] } = config;
  const { exclude, firstLayerBits, perChannelDepthwise, weightMapping, reduceRange } = config;
  if (typeof configured === "object") requireLayers(model.graph, "policy", configured.keep);
  const policy: LayerPolicy = typeof configured === "object" ? keeping(configured.keep) : policies[configured];
  const assign: AssignOptions = {
    ...parseScheme(scheme),
    keep: policy.keep(endLayers(model)),
    bits,
    ...defined({ exclude, firstLayerBits, perChannelDepthwise, weightMapping, reduceRange }),
  };
  const below = bits.some(({ weightBits = 8 }) => weightBits < 8);
  return { policy: policy.name, assign, biasCorrection: config.biasCorrection ?? (below ? true : undefined) };
}
