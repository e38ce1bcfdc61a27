import { describe, expect, it } from "vitest";
import { Linear, withParameters } from "../../src/nn/index.ts";
import { Rng, zeros } from "../../src/tensor/index.ts";

describe("withParameters", () => {
  const net = Linear.init(2, 3, new Rng(1));

  it("refuses other names, shapes and dtypes", () => {
    const replaced = (name: string, x: ReturnType<typeof zeros>) => () => withParameters(net, new Map([[name, x]]));
    expect(replaced("scale", zeros([3]))).toThrow('withParameters: every name must be a parameter of the module, got "scale"');
    expect(replaced("bias", zeros([2]))).toThrow("withParameters: bias must have shape [3], got [2]");
    expect(replaced("bias", zeros([3], "f64"))).toThrow("withParameters: bias must be f32, got f64");
  });
});
