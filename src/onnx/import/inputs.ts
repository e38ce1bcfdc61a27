import { ArgumentError } from "../../errors.ts";
import { constant, type GraphBuilder, LARGEST_TENSOR, type Port } from "../../graph/index.ts";
import { didYouMean } from "../../suggest.ts";
import { sizeOf, type Tensor } from "../../tensor/index.ts";
import type { ValueInfoProto } from "../protobuf.ts";
import { dtypeOf, typeName } from "../tensors.ts";

/** What the caller knows of the inputs. */
export interface InputOptions {
  /** Shape of the input, or shapes by input name, where the file leaves dimensions other than the batch free. */
  readonly inputShape?: readonly number[] | Readonly<Record<string, readonly number[]>>;
  /** Values of inputs that are the same in every run, such as shapes, axes and bounds, by name: they become constants. */
  readonly constants?: ReadonlyMap<string, Tensor>;
  /** Height and width of pictures [N,3,H,W] or [N,H,W,3] where the file leaves them free. Default: none, such a file is refused. */
  readonly freeSides?: readonly [height: number, width: number] | undefined;
}

type Shapes = Pick<InputOptions, "inputShape" | "freeSides">;

/** Inputs whose values the caller knows are constants. */
export function defineGiven(builder: GraphBuilder, infos: readonly ValueInfoProto[], given: ReadonlyMap<string, Tensor>): void {
  for (const [name, value] of given) {
    const type = infos.find((info) => info.name === name)?.type?.value;
    if (type?.case !== "tensorType")
      throw new ArgumentError(builder.file, `every constant must be an input that holds a tensor, got "${name}"`);
    const { elemType } = type.value;
    if (dtypeOf(elemType) !== value.dtype) {
      throw new ArgumentError(builder.file, `constant "${name}" must be ${dtypeOf(elemType) ?? typeName(elemType)}, got ${value.dtype}`);
    }
    builder.define(name, constant(name, value, elemType));
  }
}

/** Makes the inputs that are no constants known. */
export function defineInputs(builder: GraphBuilder, declared: readonly ValueInfoProto[], { inputShape, freeSides }: Shapes): Port[] {
  const infos = declared.filter((info) => !builder.find(info.name));
  const given = shapesByName(infos, inputShape, builder.file);
  return infos.map((info) => {
    const port = portOf(info, builder.file, given.get(info.name), freeSides);
    const shape = port.shape.map((d) => (d === -1 ? 1 : d));
    const onnxType = info.type?.value.case === "tensorType" ? info.type.value.value.elemType : undefined;
    builder.define(port.name, { name: port.name, meta: { shape, dtype: port.dtype }, onnxType });
    return port;
  });
}

/** The given shapes by input; one alone is that of the only input. */
function shapesByName(infos: readonly ValueInfoProto[], given: InputOptions["inputShape"], file: string): Map<string, readonly number[]> {
  if (given === undefined) return new Map();
  const names = infos.map((info) => info.name);
  if (Array.isArray(given)) {
    if (names.length === 1) return new Map([[names[0], given]]);
    throw new ArgumentError(
      file,
      `one input shape must meet one input, got ${names.length} inputs (${names.join(", ")}; give shapes by name)`,
    );
  }
  for (const key of Object.keys(given)) {
    if (!names.includes(key))
      throw new ArgumentError(file, `every given shape must be that of an input, got "${key}" (${didYouMean(key, names)})`);
  }
  return new Map(Object.entries(given));
}

function portOf(info: ValueInfoProto, file: string, inputShape: readonly number[] | undefined, freeSides: InputOptions["freeSides"]): Port {
  const type = info.type?.value;
  if (type?.case !== "tensorType") throw new ArgumentError(file, `input "${info.name}" must be a tensor, got ${type?.case ?? "no type"}`);
  const dtype = dtypeOf(type.value.elemType);
  if (!dtype) throw new ArgumentError(file, `input "${info.name}" must be numeric, got ${typeName(type.value.elemType)}`);
  const declared = type.value.shape?.dim.map((d) => (d.value.case === "dimValue" && d.value.value > 0n ? Number(d.value.value) : -1));
  if (!declared) throw new ArgumentError(file, `input "${info.name}" must declare its shape, got none`);
  const shape = inputShape ? merged(declared, inputShape, info.name, file) : withSides(declared, freeSides);
  if (shape.some((d, i) => i > 0 && d === -1)) {
    const text = type.value.shape?.dim.map((d) => (d.value.case === "dimParam" ? d.value.value : (d.value.value ?? "?")));
    throw new ArgumentError(
      file,
      `input "${info.name}" must have a fixed shape but for the batch, got [${text?.join(",")}] (give an input shape)`,
    );
  }
  if (sizeOf(shape) > LARGEST_TENSOR)
    throw new ArgumentError(file, `input "${info.name}" must have at most ${LARGEST_TENSOR} elements, got [${shape.join(",")}]`);
  return { name: info.name, shape, dtype };
}

/** The shape of a picture with its free sides filled in. */
function withSides(declared: readonly number[], sides: InputOptions["freeSides"]): readonly number[] {
  const first = declared[1] === 3 ? 2 : 1;
  if (!sides || declared.length !== 4 || declared[first === 2 ? 1 : 3] !== 3) return declared;
  return declared.map((d, i) => (d === -1 && (i === first || i === first + 1) ? sides[i - first] : d));
}

function merged(declared: readonly number[], given: readonly number[], name: string, file: string): number[] {
  if (declared.length !== given.length || declared.some((d, i) => d !== -1 && d !== given[i])) {
    throw new ArgumentError(file, `the given shape must fit input "${name}" = [${declared.join(",")}], got [${given.join(",")}]`);
  }
  return [...given];
}
