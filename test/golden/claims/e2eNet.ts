import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors } from "../../../src/data/index.ts";
import { foldBatchNorm } from "../../../src/nn/index.ts";
import { batchNorm, cast, conv2d, convTranspose2d, relu, sigmoid, Tensor } from "../../../src/tensor/index.ts";
import { type RawTensor, valuesOf } from "../case.ts";
import type { LoadedCase } from "../runner.ts";

export interface NetLayer {
  readonly name: string;
  readonly type: "conv" | "convT";
  readonly stride: number;
  readonly pad: number;
  readonly groups: number;
  readonly bn: boolean;
  readonly act: "relu" | "none";
  readonly input: string;
}

export interface Net {
  readonly bnEps: number;
  readonly layers: readonly NetLayer[];
}

export type Tensors = Readonly<Record<string, Tensor>>;

export const netOf = (c: LoadedCase): Net => c.manifest.net as Net;

/** The stored weights in the precision of the run. */
export function weightsOf(c: LoadedCase): Tensors {
  const file = join(c.folder, "model.safetensors");
  const { tensors } = readSafetensors(Uint8Array.from(readFileSync(file)), file);
  return Object.fromEntries([...tensors].map(([name, t]) => [name, cast(t, c.dtype)]));
}

/** Weights with every batch normalisation folded: `layer.w` and `layer.b`. */
export function foldedOf(c: LoadedCase, weights: Tensors = weightsOf(c)): Record<string, Tensor> {
  const folded: Record<string, Tensor> = {};
  for (const { name, type, bn } of netOf(c).layers) {
    const [weight, bias] = [weights[`${name}.weight`], weights[`${name}.bias`]];
    const at = (field: string) => weights[`${name}_bn.${field}`];
    const statistics = {
      weight: at("weight"),
      bias: at("bias"),
      mean: at("running_mean"),
      variance: at("running_var"),
      epsilon: netOf(c).bnEps,
    };
    const result = bn ? foldBatchNorm(weight, bias, statistics, type === "convT" ? 1 : 0) : { weight, bias };
    folded[`${name}.w`] = result.weight;
    folded[`${name}.b`] = result.bias;
  }
  return folded;
}

/** What one layer does to its input before the activation. */
export type Apply = (layer: NetLayer, x: Tensor) => Tensor;

export function convolve({ type, stride, pad, groups }: NetLayer, x: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor {
  return (type === "conv" ? conv2d : convTranspose2d)(x, weight, { bias, stride, padding: pad, groups });
}

/** Outputs of every layer after its activation, and the input as x. */
export function runNet(c: LoadedCase, x: Tensor, apply: Apply): Record<string, Tensor> {
  const values: Record<string, Tensor> = { x };
  for (const layer of netOf(c).layers) {
    const y = apply(layer, values[layer.input]);
    values[layer.name] = layer.act === "relu" ? relu(y) : y;
  }
  return values;
}

export const headsOf = ({ hm, wh, reg }: Tensors): Record<string, Tensor> => ({ heat: sigmoid(hm), wh, reg });

/** The float network with its normalisation as stored. */
export function plain(c: LoadedCase): Apply {
  const w = weightsOf(c);
  return (layer, x) => {
    const y = convolve(layer, x, w[`${layer.name}.weight`], w[`${layer.name}.bias`]);
    const at = (field: string) => w[`${layer.name}_bn.${field}`];
    return layer.bn ? batchNorm(y, at("weight"), at("bias"), at("running_mean"), at("running_var"), { eps: netOf(c).bnEps }) : y;
  };
}

export function foldedNet(c: LoadedCase): Apply {
  const w = foldedOf(c);
  return (layer, x) => convolve(layer, x, w[`${layer.name}.w`], w[`${layer.name}.b`]);
}

export const folderBytes = (c: LoadedCase): Uint8Array => Uint8Array.from(readFileSync(join(c.folder, String(c.manifest.data))));

export const loaded = (c: LoadedCase, raw: RawTensor): Tensor =>
  new Tensor(raw.shape, "f64", Float64Array.from(valuesOf(raw, folderBytes(c))));
