import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeNpy, writeNpz } from "../../src/data/index.ts";
import { Graph } from "../../src/graph/index.ts";
import { type ArraySource, findArrays, readTensorSamples } from "../../src/node/index.ts";
import { add, Tensor } from "../../src/tensor/index.ts";

const root = mkdtempSync(join(tmpdir(), "inlierq-arrays-"));
afterAll(() => rmSync(root, { recursive: true }));

function folder(name: string, files: Readonly<Record<string, Uint8Array | string>>): string {
  mkdirSync(join(root, name));
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(root, name, file), bytes);
  return join(root, name);
}

const port = (name: string, shape: number[], dtype: Tensor["dtype"] = "f32") => ({ name, shape, dtype });
const graphOf = (...inputs: ReturnType<typeof port>[]): Graph =>
  new Graph({
    name: "net",
    inputs,
    outputs: [port("y", inputs[0].shape)],
    nodes: [{ name: "join", op: add.def, attrs: {}, inputs: [inputs[0].name, inputs[0].name], outputs: ["y"] }],
    parameters: new Map(),
  });
const single = graphOf(port("x", [-1, 3]));
const double = graphOf(port("x", [-1, 3]), port("ids", [-1, 2], "i32"));

const f32 = (shape: number[], ...values: number[]): Tensor => new Tensor(shape, "f32", Float32Array.from(values));
const f64 = (shape: number[], ...values: number[]): Tensor => new Tensor(shape, "f64", Float64Array.from(values));
const i32 = (shape: number[], ...values: number[]): Tensor => new Tensor(shape, "i32", Int32Array.from(values));
const every = { count: 10, seed: 0 };
const read = (path: string, graph = single, options: Partial<Parameters<typeof readTensorSamples>[2]> = {}) =>
  readTensorSamples(findArrays(path) as ArraySource, graph, { ...every, ...options });
const valuesOf = (samples: ReturnType<typeof read>) =>
  samples.map(({ name, tensors }) => [
    name,
    Object.entries(tensors).map(([key, { shape, dtype, data }]) => [key, shape, dtype, [...data]]),
  ]);

describe("a folder of .npy files", () => {
  const path = folder("npy", {
    "b.npy": writeNpy(f32([1, 3], 1, 2, 3)),
    "a.npy": writeNpy(f64([3], 0.1, 5, 6)),
    "notes.txt": "",
    ".hidden.npy": "",
  });

  it("holds a sample each, with or without a batch of one, rounded to the input's type", () => {
    expect(valuesOf(read(path))).toEqual([
      ["a.npy", [["x", [1, 3], "f32", [Math.fround(0.1), 5, 6]]]],
      ["b.npy", [["x", [1, 3], "f32", [1, 2, 3]]]],
    ]);
    expect(read(path, single, { count: 1, seed: 1 })).toHaveLength(1);
  });

  it("fits several inputs where all but one have values of their own", () => {
    expect(valuesOf(read(path, double, { known: ["ids"] }))[0]).toEqual(["a.npy", [["x", [1, 3], "f32", [Math.fround(0.1), 5, 6]]]]);
    expect(() => read(path, double)).toThrow(
      "readTensorSamples: a.npy must be an .npz file with arrays by input name (x, ids), got one array for 2 inputs",
    );
  });
});

it("a folder of .npz files holds a sample each, arrays by input name", () => {
  const of = (k: number) =>
    writeNpz(
      new Map([
        ["x", f32([1, 3], k, k, k)],
        ["ids", i32([2], k, k)],
      ]),
    );
  const path = folder("npz", { "1.npz": of(1), "2.npz": of(2) });
  expect(valuesOf(read(path, double))[1]).toEqual([
    "2.npz",
    [
      ["ids", [1, 2], "i32", [2, 2]],
      ["x", [1, 3], "f32", [2, 2, 2]],
    ],
  ]);
});

describe("one file", () => {
  const path = folder("stack", {
    "all.npy": writeNpy(f32([2, 3], 1, 2, 3, 4, 5, 6)),
    "kept.npy": writeNpy(f32([2, 1, 3], 1, 2, 3, 4, 5, 6)),
    "all.npz": writeNpz(
      new Map([
        ["x", f32([2, 3], 1, 2, 3, 4, 5, 6)],
        ["ids", i32([2, 2], 1, 2, 3, 4)],
      ]),
    ),
    "uneven.npz": writeNpz(
      new Map([
        ["x", f32([2, 3], 1, 2, 3, 4, 5, 6)],
        ["ids", i32([1, 2], 1, 2)],
      ]),
    ),
    "none.npy": writeNpy(f32([0, 3])),
  });

  it("has a leading axis over its samples, before a batch of one or in place of it", () => {
    const want = [
      ["all.npy[0]", [["x", [1, 3], "f32", [1, 2, 3]]]],
      ["all.npy[1]", [["x", [1, 3], "f32", [4, 5, 6]]]],
    ];
    expect(valuesOf(read(join(path, "all.npy")))).toEqual(want);
    expect(valuesOf(read(join(path, "kept.npy"))).map(([, tensors]) => tensors)).toEqual(want.map(([, tensors]) => tensors));
    expect(valuesOf(read(join(path, "all.npz"), double))[1]).toEqual([
      "all.npz[1]",
      [
        ["ids", [1, 2], "i32", [3, 4]],
        ["x", [1, 3], "f32", [4, 5, 6]],
      ],
    ]);
  });

  it("holds equally many samples of every input, at least one", () => {
    expect(() => read(join(path, "uneven.npz"), double)).toThrow(
      'uneven.npz arrays must hold equally many samples, got 1 of "ids" and 2 of "x"',
    );
    expect(() => read(join(path, "none.npy"))).toThrow('none.npy array "x" must have a leading axis over its samples, got [0,3]');
  });
});

describe("arrays that do not fit are refused with file, array, want and got", () => {
  const big = f64([3], 1, 1e300, 2);
  it.each([
    ["shape", { "a.npy": writeNpy(f32([4], 1, 2, 3, 4)) }, single, 'a.npy array "x" must be f32[1,3] or without its leading 1, got f32[4]'],
    ["type", { "a.npy": writeNpy(i32([3], 1, 2, 3)) }, single, 'a.npy array "x" must be f32[1,3], got i32[3]'],
    ["size", { "a.npy": writeNpy(big) }, single, 'a.npy array "x" must be finite in f32, got 1e+300 at element 1'],
    ["NaN", { "a.npy": writeNpy(f32([3], 1, Number.NaN, 2)) }, single, 'array "x" must be finite in f32, got NaN at element 1'],
    ["missing", { "a.npz": writeNpz(new Map([["x", f32([3], 1, 2, 3)]])) }, double, 'a.npz must hold an array for input "ids", got x'],
    ["unknown", { "a.npz": writeNpz(new Map([["idz", i32([2], 1, 2)]])) }, double, 'named after inputs, got "idz" (did you mean "ids"?)'],
    ["damaged", { "a.npy": "no array" }, single, "readNpy: a.npy must begin with the magic bytes"],
    [
      "floats for integers",
      {
        "a.npz": writeNpz(
          new Map([
            ["x", f32([3], 1, 2, 3)],
            ["ids", f32([2], 1, 2)],
          ]),
        ),
      },
      double,
      'a.npz array "ids" must be i32[1,2], got f32[2]',
    ],
  ])("%s", (name, files, graph, message) => {
    expect(() => read(folder(`bad-${name}`, files as Record<string, Uint8Array | string>), graph)).toThrow(message);
  });

  it("integers of another width count where they fit", () => {
    const bytes = graphOf(port("x", [-1, 3]), port("codes", [-1, 2], "u8"));
    const file = (...codes: number[]) =>
      writeNpz(
        new Map([
          ["x", f32([3], 1, 2, 3)],
          ["codes", i32([2], ...codes)],
        ]),
      );
    const path = folder("widths", { "a.npz": file(0, 255) });
    expect(valuesOf(read(path, bytes))[0][1][0]).toEqual(["codes", [1, 2], "u8", [0, 255]]);
    writeFileSync(join(path, "a.npz"), file(0, 256));
    expect(() => read(path, bytes)).toThrow('array "codes" must be u8[1,2], got 256 at element 1');
  });
});

describe("findArrays", () => {
  it("leaves folders with pictures, and paths with neither, to the reader of pictures", () => {
    expect(findArrays(folder("mixed", { "a.jpg": "", "a.npy": "" }))).toBeUndefined();
    expect(findArrays(folder("texts", { "a.txt": "" }))).toBeUndefined();
    expect(findArrays(join(root, "nowhere"))).toBeUndefined();
    expect(findArrays(join(root, "nowhere.npy"))).toBeUndefined();
  });

  it("refuses both kinds together", () => {
    const path = folder("both", { "a.npy": "", "b.npz": "", "c.npz": "" });
    expect(() => findArrays(path)).toThrow(`findArrays: ${path} must hold .npy or .npz files, got 1 and 2 of them`);
  });
});
