import type { Operand } from "../../graph/index.ts";
import { elu, leakyRelu, type OpDef, prelu, relu, relu6, sigmoid, tanh } from "../../tensor/index.ts";
import type { TfCall } from "../call.ts";

/** A call of one of our ops. */
interface Step<A> {
  readonly op: { readonly def: OpDef<A> };
  readonly inputs: readonly Operand[];
  readonly attrs: A;
}

/** Adds the activation of a fused node; `extra` is the index of its own input, if it has one. */
type Activation = (call: TfCall, x: Operand, extra: number, write: TfCall["write"]) => void;

const plain =
  (op: { readonly def: OpDef<Record<string, never>> }): Activation =>
  (_, x, __, write) =>
    write(op, [x], {});

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  Relu: plain(relu),
  Relu6: plain(relu6),
  Sigmoid: plain(sigmoid),
  Tanh: plain(tanh),
  Elu: (_, x, __, write) => write(elu, [x], { alpha: 1 }),
  LeakyRelu: (call, x, _, write) => write(leakyRelu, [x], { slope: call.attributes.float("leakyrelu_alpha", Math.fround(0.2)) }),
  Prelu: (call, x, extra, write) => write(prelu, [x, x.meta.shape.length === 4 ? call.broadcastPlanes(extra) : call.rows(extra)], {}),
};

/**
 * Writes a node that may carry a bias (input `biasAt`) and an activation, as `fused_ops` lists them. The multiplying step
 * gets the node's name: it is the layer.
 */
export function writeFused<A>(call: TfCall, biasAt: number, planes: boolean, step: (bias: Operand[]) => Step<A>): void {
  const fused = call.attributes.strings("fused_ops");
  const [first, second] = fused;
  const withBias = first === "BiasAdd";
  const named = withBias ? second : first;
  if (fused.length > (withBias ? 2 : 1) || (named !== undefined && !Object.hasOwn(ACTIVATIONS, named)))
    call.fail(`fused_ops must be BiasAdd and at most one of ${Object.keys(ACTIVATIONS).join(", ")}, got ${fused.join(", ")}`);
  const { op, inputs, attrs } = step(withBias ? [call.rows(biasAt)] : []);
  const write: TfCall["write"] = planes ? (...all) => call.writePlanes(...all) : (...all) => call.write(...all);
  if (named === undefined) write(op, inputs, attrs);
  else ACTIVATIONS[named](call, call.emit("linear", op, inputs, attrs, call.node.name), biasAt + 1, write);
}
