import { compile } from "../../src/autograd/index.ts";
import { inferInteger, prepareInteger, proveEquality } from "../../src/quant/index.ts";
import { conv2d, Rng, relu, type Tensor, uniform } from "../../src/tensor/index.ts";
import { convStack, planOf } from "../quant/integer/plans.ts";

/** FNV-1a of the bytes of a tensor. */
function hashOf({ data }: Tensor): number {
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(data.slice().buffer)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** The bits of a convolution, eager and replayed three times. */
export function floatWork(): { eager: number; replayed: number[] } {
  const [x, w] = [uniform([2, 8, 24, 24], new Rng("x"), -1, 1), uniform([16, 8, 3, 3], new Rng("w"), -1, 1)];
  const replay = compile((input) => relu(conv2d(input, w, { padding: 1 })));
  return { eager: hashOf(relu(conv2d(x, w, { padding: 1 }))), replayed: [0, 1, 2].map(() => hashOf(replay(x))) };
}

/** A stack of convolutions in integers: codes proved against the simulation, and the bits that come out. */
export function integerWork(): { codes: number; violations: number; outputs: number[] } {
  const { graph, x } = convStack({ layers: 3, channels: 8, size: 16, batch: 1 });
  const model = prepareInteger(graph, planOf(graph, x));
  const { codes, violations } = proveEquality(model, x);
  return { codes, violations, outputs: Object.values(inferInteger(model, x)).map(hashOf) };
}
