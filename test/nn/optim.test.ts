import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { adam, adamW, clipGradNorm, initialState, optimizerStep, rmsprop, sgd } from "../../src/nn/index.ts";
import { tensor } from "../../src/tensor/index.ts";
import { runs } from "../runs.ts";

const optimizers = [sgd(), sgd({ momentum: 0.9, nesterov: true }), adam({ amsgrad: true }), adamW(), rmsprop({ momentum: 0.5 })];

describe.each(optimizers)("$name", (optimizer) => {
  it("is pure: parameters, gradients and state stay as they were", () => {
    const p = tensor([1, -2, 3]);
    const g = tensor([0.5, 0.25, -1]);
    const params = new Map([["p", p]]);
    const first = optimizerStep(optimizer, params, new Map([["p", g]]), initialState(), 0.1);
    const again = optimizerStep(optimizer, params, new Map([["p", g]]), initialState(), 0.1);
    const second = optimizerStep(optimizer, first.params, new Map([["p", g]]), first.state, 0.1);
    expect(again).toEqual(first);
    expect(second.state.steps).toBe(2);
    expect(first.state.steps).toBe(1);
    expect([[...p.data], [...g.data]]).toEqual([
      [1, -2, 3],
      [0.5, 0.25, -1],
    ]);
    expect(first.params.get("p")!.data).not.toEqual(p.data);
  });

  it("leaves a parameter without a gradient alone", () => {
    const params = new Map([["p", tensor([1])]]);
    expect(optimizerStep(optimizer, params, new Map([["p", undefined]]), initialState(), 0.1).params).toEqual(params);
  });
});

describe("optimizerStep", () => {
  it("refuses gradients that fit no parameter", () => {
    const params = new Map([["p", tensor([1])]]);
    const step = (name: string, g: number[]) => optimizerStep(sgd(), params, new Map([[name, tensor(g)]]), initialState(), 0.1);
    expect(() => step("q", [1])).toThrow('optimizerStep: every gradient must belong to a parameter, got one for "q"');
    expect(() => step("p", [1, 2])).toThrow("optimizerStep: the gradient of p must have shape [1], got [2]");
  });

  it("refuses the state of an optimizer that remembers another amount", () => {
    const params = new Map([["p", tensor([1, 2])]]);
    const grads = new Map([["p", tensor([1, 1])]]);
    const { state } = optimizerStep(sgd({ momentum: 0.9 }), params, grads, initialState(), 0.1);
    expect(() => optimizerStep(adam(), params, grads, state, 0.1)).toThrow(
      "optimizerStep: the state must hold 4 numbers for p, got 2 (adam: 2 for each of 2 elements)",
    );
  });
});

describe("a parameter whose first gradient comes late", () => {
  const late = [sgd({ momentum: 0.9, dampening: 0.5 }), ...optimizers];
  it.each(late.map((o) => [o.name, o] as const))("moves as if it began then: %s", (_, optimizer) => {
    const g = (v: number) => tensor([v, -2 * v]);
    const start = tensor([1, -2]);
    let params = new Map([
      ["early", start],
      ["late", start],
    ]);
    let state = initialState();
    for (const [early, lateOne] of [[0.5], [0.25], [-1, 0.5], [0.3, 0.25], [0.1, -1]]) {
      const grads = new Map([
        ["early", g(early)],
        ["late", lateOne === undefined ? undefined : g(lateOne)],
      ]);
      ({ params, state } = optimizerStep(optimizer, params, grads, state, 0.1));
    }
    let alone = new Map([["early", start]]);
    let own = initialState();
    for (const v of [0.5, 0.25, -1])
      ({ params: alone, state: own } = optimizerStep(optimizer, alone, new Map([["early", g(v)]]), own, 0.1));
    expect(params.get("late")).toEqual(alone.get("early"));
    expect(state.steps).toBe(5);
    expect([...state.updates]).toEqual([
      ["early", 5],
      ["late", 3],
    ]);
  });
});

describe("clipGradNorm", () => {
  it("never lengthens, keeps the direction and reports the norm", () => {
    const values = fc.array(fc.float({ min: -10, max: 10, noNaN: true }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(values, fc.float({ min: Math.fround(0.1), max: 20, noNaN: true }), (g, limit) => {
        const { grads, norm } = clipGradNorm(new Map([["p", tensor(g)]]), limit);
        const clipped = [...grads.get("p")!.data];
        const length = Math.hypot(...clipped);
        expect(norm).toBeCloseTo(Math.hypot(...g), 4);
        expect(length).toBeLessThanOrEqual(Math.min(norm, limit) * (1 + 1e-6));
        clipped.forEach((v, i) => expect(v * norm).toBeCloseTo(g[i] * length, 2));
      }),
      { numRuns: runs(50) },
    );
  });
});
