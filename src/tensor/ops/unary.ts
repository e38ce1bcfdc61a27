import { DTypeError } from "../../errors.ts";
import { type Draw, drawAway, drawShape } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { mul, sub } from "./binary.ts";

type Unary = Op<Record<string, never>, (x: Tensor) => Tensor>;

/** Where an op can be sampled: interval and points to stay clear of. */
interface Domain {
  readonly low?: number;
  readonly high?: number;
  readonly kinks?: readonly number[];
}

/** One row of the table: name, scalar function in double, derivative as a tensor of (x, y). */
function unary(name: string, f: (x: number) => number, derivative: (x: Tensor, y: Tensor) => Tensor, domain: Domain = {}): Unary {
  const { low = -2, high = 2, kinks = [] } = domain;
  return defineOp<Record<string, never>, (x: Tensor) => Tensor>(
    {
      name,
      infer([x]) {
        if (x!.dtype !== "f32" && x!.dtype !== "f64") throw new DTypeError(name, `x must be f32 or f64, got ${x!.dtype}`);
        return [{ shape: x!.shape, dtype: x!.dtype }];
      },
      reference([x], _, [y]) {
        const from = x!.data;
        const to = y!.data;
        for (let i = 0; i < to.length; i++) to[i] = f(from[i]!);
      },
      vjp: ([g], { inputs: [x], outputs: [y] }) => [mul(g!, derivative(x!, y!))],
      smooth: kinks.length === 0,
      sample: (draw: Draw) => ({ inputs: [drawAway(draw, drawShape(draw, 0, 3), kinks, 0.05, low, high)], attrs: {} }),
    },
    (run) => (x) => run([x], {})[0]!,
  );
}

export const tanh: Unary = unary("tanh", Math.tanh, (_, y) => sub(1, mul(y, y)));
export const sigmoid: Unary = unary("sigmoid", (x) => 1 / (1 + Math.exp(-x)), (_, y) => mul(y, sub(1, y)));
