import { AttributeType, DataType, encodeModel, type GraphInit, type NodeInit, type TensorInit } from "../../src/onnx/protobuf.ts";
import { roundHalfEven, type Tensor } from "../../src/tensor/index.ts";
import { activationCodes, weightScales } from "../ours/eager.ts";
import type { Inputs, SpecOf } from "../problems.ts";

type Values = ArrayBufferView & { readonly length: number };
const bytes = (values: Values): Uint8Array<ArrayBuffer> =>
  new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength).slice();

/** Pieces of one file in the order they are added. */
class Model {
  readonly #nodes: NodeInit[] = [];
  readonly #constants: TensorInit[] = [];

  /** Adds a node with one output of the given name, and returns that. */
  node(opType: string, output: string, input: readonly string[], ints: Readonly<Record<string, number | readonly number[]>> = {}): string {
    const attribute = Object.entries(ints).map(([name, value]) =>
      typeof value === "number"
        ? { name, type: AttributeType.INT, i: BigInt(value) }
        : { name, type: AttributeType.INTS, ints: value.map(BigInt) },
    );
    this.#nodes.push({ name: output, opType, input: [...input], output: [output], attribute });
    return output;
  }

  constant(name: string, dims: readonly number[], values: Float32Array | Int8Array | Uint8Array | Int32Array): string {
    const dataType =
      values instanceof Float32Array
        ? DataType.FLOAT
        : values instanceof Int8Array
          ? DataType.INT8
          : values instanceof Uint8Array
            ? DataType.UINT8
            : DataType.INT32;
    this.#constants.push({ name, dims: dims.map(BigInt), dataType, rawData: bytes(values) });
    return name;
  }

  /** The file; every input and the output "y" have known shapes. */
  encode(inputs: Readonly<Record<string, readonly number[]>>, y: readonly number[]): Uint8Array {
    const info = (name: string, shape: readonly number[]) => ({
      name,
      type: {
        value: {
          case: "tensorType" as const,
          value: {
            elemType: DataType.FLOAT,
            shape: { dim: shape.map((d) => ({ value: { case: "dimValue" as const, value: BigInt(d) } })) },
          },
        },
      },
    });
    const graph: GraphInit = {
      ...{ name: "bench", node: this.#nodes, initializer: this.#constants, output: [info("y", y)] },
      input: Object.entries(inputs).map(([name, shape]) => info(name, shape)),
    };
    return encodeModel({ irVersion: 8n, producerName: "inlierq bench", opsetImport: [{ domain: "", version: 13n }], graph });
  }
}

const convAttributes = (kernel: number, group = 1) => ({
  group,
  kernel_shape: [kernel, kernel],
  pads: Array(4).fill(kernel >> 1) as number[],
});
const floats = (t: Tensor): Float32Array => t.data as Float32Array;

export function matmulModel({ n }: SpecOf<"matmul">): Uint8Array {
  const model = new Model();
  model.node("MatMul", "y", ["a", "b"]);
  return model.encode({ a: [n, n], b: [n, n] }, [n, n]);
}

/** Weight and bias are constants of the file, as in a real network. */
export function convModel({ kernel, groups, batch, outputs, size }: SpecOf<"conv">, { x, w, b }: Inputs): Uint8Array {
  const model = new Model();
  const constants = [model.constant("w", w!.shape, floats(w!)), model.constant("b", b!.shape, floats(b!))];
  model.node("Conv", "y", ["x", ...constants], convAttributes(kernel, groups));
  return model.encode({ x: x!.shape }, [batch, outputs, size, size]);
}

export function stackModel({ layers }: SpecOf<"stack">, inputs: Inputs): Uint8Array {
  const model = new Model();
  let current = "x";
  for (let i = 0; i < layers; i++) {
    const [w, b] = [inputs[`w${i}`]!, inputs[`b${i}`]!];
    const constants = [model.constant(`w${i}`, w.shape, floats(w)), model.constant(`b${i}`, b.shape, floats(b))];
    current = model.node("Relu", i === layers - 1 ? "y" : `r${i}`, [
      model.node("Conv", `c${i}`, [current, ...constants], convAttributes(3)),
    ]);
  }
  return model.encode({ x: inputs.x!.shape }, inputs.x!.shape);
}

/** QuantizeLinear / DequantizeLinear pairs around every convolution: u8 activations, s8 weights with a scale per channel, s32 biases. */
export function stackInt8Model(spec: SpecOf<"stackInt8">, inputs: Inputs): Uint8Array {
  const model = new Model();
  const codes = activationCodes(spec);
  const pair = (from: string, i: number, to: string): string => {
    const { scale, zeroPoint } = codes[i]!;
    const grid = [model.constant(`s${i}`, [], Float32Array.of(scale)), model.constant(`z${i}`, [], Uint8Array.of(zeroPoint))];
    return model.node("DequantizeLinear", to, [model.node("QuantizeLinear", `q${i}`, [from, ...grid]), ...grid]);
  };
  let current = pair("x", 0, "d0");
  for (let i = 0; i < spec.layers; i++) {
    const [w, b] = [inputs[`w${i}`]!, inputs[`b${i}`]!];
    const scales = floats(weightScales(spec, w));
    const inner = w.size / scales.length;
    const weight = Int8Array.from(floats(w), (v, j) => roundHalfEven(Math.fround(v / scales[Math.floor(j / inner)]!)));
    const biasScales = scales.map((s) => s * codes[i]!.scale);
    const bias = Int32Array.from(floats(b), (v, c) => roundHalfEven(v / biasScales[c]!));
    const constants = [dequantized(model, `w${i}`, w.shape, weight, scales), dequantized(model, `b${i}`, b.shape, bias, biasScales)];
    const relu = model.node("Relu", `r${i}`, [model.node("Conv", `c${i}`, [current, ...constants], convAttributes(3))]);
    current = pair(relu, i + 1, i === spec.layers - 1 ? "y" : `d${i + 1}`);
  }
  return model.encode({ x: inputs.x!.shape }, inputs.x!.shape);
}

/** Constant codes with one scale for each entry of the first dimension. */
function dequantized(model: Model, name: string, shape: readonly number[], codes: Int8Array | Int32Array, scales: Float32Array): string {
  const zeros = codes instanceof Int8Array ? new Int8Array(scales.length) : new Int32Array(scales.length);
  const parts = [
    model.constant(`${name} codes`, shape, codes),
    model.constant(`${name} scales`, [scales.length], scales),
    model.constant(`${name} zeros`, [scales.length], zeros),
  ];
  return model.node("DequantizeLinear", name, parts, { axis: 0 });
}
