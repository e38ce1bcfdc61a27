import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Graph } from "../../../src/graph/index.ts";
import {
  additivePowerOfTwo,
  applySite,
  inferInteger,
  type LevelQuantizer,
  logAffine,
  makeScheme,
  type Plan,
  powerOfTwo,
  prepareInteger,
  proveEquality,
  readIntegerFile,
  subset,
  tapOf,
  withLevels,
  writeIntegerFile,
} from "../../../src/quant/index.ts";
import { readContainer, writeContainer } from "../../../src/quant/integer/file/container.ts";
import { BLOCK_COLUMNS, pairBlocks, roundUp, scratchBytes, sumBytes } from "../../../src/quant/integer/gemm.ts";
import { packShifts, shiftOf } from "../../../src/quant/integer/shift.ts";
import { Rng, type Tensor, tensor } from "../../../src/tensor/index.ts";
import { Arena } from "../../../src/wasm/index.ts";
import { drawWith } from "../../laws/draw.ts";
import { drawNetwork, snapPlan } from "./networks.ts";
import { convStack, planOf, rangeOf } from "./plans.ts";

type AnyLevels = LevelQuantizer<Readonly<Record<string, Tensor>>>;
const any = (quantizer: unknown): AnyLevels => quantizer as AnyLevels;

const shift = any(logAffine({ mode: "shift" }));
const exact = any(logAffine({ mode: "exact" }));

/** Scales raised to powers of two, so that float arithmetic is exact. */
const snapped = (params: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> => ({
  ...params,
  scale: tensor(
    Array.from(params.scale.data as Float32Array, (s) => 2 ** Math.ceil(Math.log2(s))),
    params.scale.shape,
  ),
});

/** The plan with the weights of all its layers on a quantizer's levels, one scale per channel. */
function onLevels(graph: Graph, plan: Plan, quantizer: AnyLevels, bits: number, snap: boolean): Plan {
  let found = plan;
  for (const layer of graph.layers) {
    if (!plan.layers.has(layer.name)) continue;
    const w = graph.parameters.get(layer.weight)!;
    const scheme = makeScheme({ bits, signed: true, mapping: "symmetricHalf", axis: layer.channelAxis });
    const params = quantizer.init(rangeOf(w, scheme.axis), scheme, w);
    found = withLevels(found, layer.weight, w, { quantizer, params: snap ? snapped(params) : params, scheme });
  }
  return found;
}

const outputs = (g: Graph, p: Plan, x: Tensor): Record<string, number[]> =>
  Object.fromEntries(Object.entries(inferInteger(prepareInteger(g, p), x)).map(([name, y]) => [name, Array.from(y.data, (v) => v + 0)]));

describe("sums of shifts", () => {
  it("equal plain integer sums, for any rows, columns, terms and exponents", () => {
    const arena = new Arena([64]);
    const u8 = new Uint8Array(arena.memory.buffer);
    const put = (array: Int32Array | Uint8Array | Int8Array): number => {
      const address = arena.allocate(array.byteLength + 64);
      u8.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), address);
      return address;
    };
    const sizes = fc.record({
      rows: fc.integer({ min: 1, max: 9 }),
      terms: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1000, max: 2200 })),
      columns: fc.integer({ min: 1, max: BLOCK_COLUMNS }),
      signed: fc.boolean(),
      step: fc.integer({ min: 1, max: 3 }),
      seed: fc.integer({ min: 0, max: 2 ** 20 }),
    });
    fc.assert(
      fc.property(sizes, ({ rows, terms, columns, signed, step, seed }) => {
        arena.reset();
        const rng = new Rng(seed);
        const width = step * (columns + 8);
        const codes = Array.from({ length: terms * width }, () => (signed ? rng.int(-128, 127) : rng.int(0, 255)));
        const weight = Int32Array.from({ length: rows * terms }, () => rng.int(-1, 1) * 2 ** rng.int(0, 11));
        const zeroPoint = signed ? -5 : 7;
        const pairs = Math.ceil(terms / 2);
        const { stream, starts } = packShifts(weight, rows, terms);
        const product = {
          ...{ rows, blocks: pairBlocks(pairs), packed: put(stream) },
          pairTable: put(Int32Array.from({ length: 2 * pairs }, (_, i) => Math.min(i, terms - 1) * width)),
          scratch: arena.allocate(scratchBytes(pairs)),
          sums: arena.allocate(sumBytes(rows)),
        };
        const pixels = put(Int32Array.from({ length: roundUp(columns, 8) }, (_, n) => n * step));
        const address = put(signed ? Int8Array.from(codes) : Uint8Array.from(codes));
        for (const { entry, args } of shiftOf(arena, signed, 0, starts)(product, address, pixels, columns, zeroPoint)) entry(...args);
        for (let r = 0; r < rows; r++) {
          for (let n = 0; n < columns; n++) {
            let sum = 0;
            for (let k = 0; k < terms; k++) sum += weight[r * terms + k] * (codes[k * width + n * step] - zeroPoint);
            expect(arena.i32[(product.sums >> 2) + r * BLOCK_COLUMNS + n]).toBe(sum);
          }
        }
      }),
    );
  });
});

describe("layers on whole levels", () => {
  const quantizers: readonly (readonly [AnyLevels, readonly number[]])[] = [
    [shift, [2, 3, 4]],
    [any(powerOfTwo), [2, 3, 4]],
    [any(additivePowerOfTwo), [2, 3, 4, 5, 6]],
    [any(subset), [2, 3]],
  ];
  const drawn = fc
    .constantFrom(...quantizers)
    .chain(([quantizer, bits]) => fc.record({ quantizer: fc.constant(quantizer), bits: fc.constantFrom(...bits) }));

  it("give the simulation's outputs to the bit where float sums are exact", () => {
    let shifts = 0;
    fc.assert(
      fc.property(fc.gen(), drawn, (g, { quantizer, bits }) => {
        const draw = drawWith(g, "f32");
        const { graph, x } = drawNetwork(draw, true);
        const plain = snapPlan(planOf(graph, x, { activationBits: 4, perChannel: draw.bool(), signed: draw.bool() }));
        const plan = onLevels(graph, plain, quantizer, bits, true);
        const model = prepareInteger(graph, plan);
        shifts += model.steps.filter((s) => s.kind === "shift").length;
        const expected = graph.forward(x, tapOf(graph, plan));
        const found = inferInteger(model, x);
        for (const [name, { data }] of Object.entries(expected))
          expect(
            Array.from(found[name].data, (v) => v + 0),
            name,
          ).toEqual(Array.from(data, (v) => v + 0));
        const { codes, identical } = proveEquality(model, x);
        expect(identical).toBe(codes);
      }),
    );
    expect(shifts).toBeGreaterThan(10);
  });

  it("give the simulation's codes but for rounding boundaries, whatever the scales", () => {
    fc.assert(
      fc.property(fc.gen(), drawn, (g, { quantizer, bits }) => {
        const { graph, x } = drawNetwork(drawWith(g, "f32"), false);
        const plan = onLevels(graph, planOf(graph, x), quantizer, bits, false);
        const { violations, floats } = proveEquality(prepareInteger(graph, plan), x);
        expect(violations).toBe(0);
        for (const f of floats) expect(f.difference, f.tensor).toBeLessThanOrEqual(1e-5 * Math.max(1, f.largest));
      }),
    );
  });

  const { graph, x } = convStack({ layers: 2, channels: 4, size: 6, batch: 1 });
  const kinds = (plan: Plan): string[] => prepareInteger(graph, plan).steps.map((s) => s.kind);

  it("run as shifts, as products, or are simulated", () => {
    const plain = planOf(graph, x);
    expect(kinds(onLevels(graph, plain, shift, 4, false))).toEqual(["quantize", "shift", "shift"]);
    expect(kinds(onLevels(graph, plain, any(additivePowerOfTwo), 6, false))).toEqual(["quantize", "conv", "conv"]);
    const float = onLevels(graph, plain, exact, 4, false);
    expect(kinds(float)).toEqual(["simulated", "float", "simulated", "float"]);
    expect(inferInteger(prepareInteger(graph, float), x)).toEqual(graph.forward(x, tapOf(graph, float)));
  });

  it("are refused where a shift could leave int32", () => {
    expect(() => prepareInteger(graph, onLevels(graph, planOf(graph, x), shift, 6, false))).toThrow(
      /^prepareInteger: sums must stay within int32, got up to \d+ \(layer "conv\d", output channel \d, 36 terms\)$/,
    );
  });
});

describe("an integer file", () => {
  const { graph, x } = convStack({ layers: 2, channels: 4, size: 6, batch: 1 });

  it.each([
    ["shifts", shift, 4],
    ["shared levels", any(additivePowerOfTwo), 5],
    ["levels of every channel", exact, 4],
  ] as const)("keeps weights on %s", (_, quantizer, bits) => {
    const plan = onLevels(graph, planOf(graph, x), quantizer, bits, false);
    const bytes = writeIntegerFile({ graph, plan });
    const read = readIntegerFile(bytes);
    expect(outputs(read.graph, read.plan, x)).toEqual(outputs(graph, plan, x));
    expect(read.plan.weights.get("w0")?.levels?.data).toEqual(plan.weights.get("w0")?.levels?.data);
    expect(writeIntegerFile(read)).toEqual(bytes);
  });

  it("keeps learned weights that someone else reads in float", () => {
    const [conv0, relu0, conv1, relu1] = graph.nodes;
    const nodes = [conv0, relu0, { ...conv1, inputs: [conv1.inputs[0], "w0", conv1.inputs[2]] }, relu1];
    const twice = new Graph({ name: "twice", inputs: graph.inputs, outputs: graph.outputs, nodes, parameters: graph.parameters });
    const learned = onLevels(
      twice,
      planOf(twice, x, {}, (l) => l.name === "conv0"),
      shift,
      4,
      false,
    );
    const uniform = planOf(twice, x, { weightBits: 4 }, (l) => l.name === "conv0");
    const site = uniform.weights.get("w0")!;
    const w = graph.parameters.get("w0")!;
    const up = applySite(
      tensor(
        Array.from(w.data as Float32Array, (v, i) => v + site.params.scale.data[Math.floor(i / 36)]),
        w.shape,
      ),
      site,
    );
    for (const plan of [learned, { ...uniform, tuned: new Map([["w0", up]]) }]) {
      const bytes = writeIntegerFile({ graph: twice, plan });
      const read = readIntegerFile(bytes);
      expect(read.graph.parameters.get("w0")?.data).toEqual(w.data);
      expect(read.plan.tuned.get("w0")?.data).toEqual(plan.tuned.get("w0")?.data);
      expect(outputs(read.graph, read.plan, x)).toEqual(outputs(twice, plan, x));
      expect(outputs(twice, { ...plan, tuned: new Map([["w0", w]]) }, x)).not.toEqual(
        outputs(twice, { ...plan, tuned: new Map([["w0", up]]) }, x),
      );
      expect(writeIntegerFile(read)).toEqual(bytes);
    }
  });

  const plan = onLevels(graph, planOf(graph, x), shift, 4, false);
  const { header, body } = readContainer(writeIntegerFile({ graph, plan }), "file");
  interface Parts {
    readonly parameters: { codes?: unknown; shape: number[] }[];
    readonly plan: { activations: [string, Record<string, unknown>][]; weights: [string, Record<string, unknown>][]; tuned?: unknown[] };
  }
  const refusal = (change: (parts: Parts, body: Uint8Array) => void): string => {
    const [parts, bytes] = [JSON.parse(header) as Parts, body.slice()];
    change(parts, bytes);
    try {
      readIntegerFile(writeContainer(JSON.stringify(parts), bytes), "model.inlierq");
    } catch (error) {
      return (error as Error).message;
    }
    return "accepted";
  };
  const levelsOf = (parts: Parts) => parts.plan.weights[0][1].levels as { shape: number[]; data: { offset: number; bytes: number } };

  it.each<[string, (parts: Parts, body: Uint8Array) => void, RegExp]>([
    [
      "levels out of order",
      (p, b) => new Float32Array(b.buffer, levelsOf(p).data.offset, 2).reverse(),
      /levels must be finite and ascending/,
    ],
    ["levels of no shape", (p) => Object.assign(levelsOf(p), { shape: [3, 5] }), /levels must have shape \[L\] or \[C, L\]/],
    [
      "too few levels",
      (p) => Object.assign(levelsOf(p), { shape: [1], data: { ...levelsOf(p).data, bytes: 4 } }),
      /levels must be 2 to 16/,
    ],
    ["a code without a level", (_, b) => b.fill(255, 0, 1), /every code must be in \[-8, 6\], got 7/],
    [
      "levels on an activation",
      (p) => Object.assign(p.plan.activations[0][1], { levels: levelsOf(p) }),
      /must be uniform, for it is no weight/,
    ],
    [
      "a learned weight of nothing",
      (p) => Object.assign(p.plan, { tuned: [{ ...p.parameters[0], name: "w1", shape: [2, 2], codes: { offset: 0, bytes: 2 } }] }),
      /must/,
    ],
  ])("refuses %s in one line", (_, change, reason) => {
    const message = refusal(change);
    expect(message).toMatch(/^readIntegerFile: model\.inlierq must [^\n]*$/);
    expect(message).toMatch(reason);
  });
});
