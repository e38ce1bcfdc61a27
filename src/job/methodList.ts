import { z } from "zod";
import { methods, type Need, needsOf } from "../quant/index.ts";
import { METHOD_NAMES } from "./config.ts";

/** An option of a method. */
export interface MethodOption {
  /** As configuration files have it; one inside another as "adam.steps". */
  readonly name: string;
  /** What it may be, e.g. "number in [0, 1]" or "em | kmeans | svm". */
  readonly values: string;
  readonly default: unknown;
}

/** A method as a person chooses it. */
export interface MethodDescription {
  readonly name: string;
  /** The publication, or what the method is commonly called. */
  readonly cite: string;
  /** What it does, in one sentence. */
  readonly about: string;
  readonly options: readonly MethodOption[];
  /** What it needs of a network beside its tensors, with its default options. */
  readonly needs: readonly Need[];
}

/** Every method, the default first, as its record and its schema describe it. */
export const describeMethods = (): MethodDescription[] =>
  METHOD_NAMES.map((key) => {
    const make: (() => ReturnType<(typeof methods)[typeof key]>) & { readonly schema: z.ZodType } = methods[key];
    const method = make();
    const { name, cite, about } = method;
    return { name, cite, about, options: optionsOf(z.toJSONSchema(make.schema) as Shape, method.options, ""), needs: needsOf(method) };
  });

/** The parts of a JSON schema that options have. */
interface Shape {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

function optionsOf({ properties = {} }: Shape, defaults: Readonly<Record<string, unknown>>, above: string): MethodOption[] {
  return Object.entries(properties).flatMap(([key, shape]) => {
    const name = above + key;
    if (shape.properties) return optionsOf(shape, defaults[key] as Readonly<Record<string, unknown>>, `${name}.`);
    return [{ name, values: valuesOf(shape), default: defaults[key] }];
  });
}

function valuesOf(shape: Shape): string {
  if (shape.anyOf) return shape.anyOf.map(valuesOf).join(" | ");
  if (shape.enum) return shape.enum.join(" | ");
  if (shape.const !== undefined) return String(shape.const);
  if (shape.type === "boolean") return "true | false";
  if (shape.type === "integer") return `whole number${boundsOf(shape)}`;
  return `${shape.type}${boundsOf(shape)}`;
}

function boundsOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Shape): string {
  const low = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const high = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (low !== undefined && high !== undefined) return ` in [${low}, ${high}]`;
  const bounds = [
    ...(low === undefined ? [] : [`>= ${low}`]),
    ...(exclusiveMinimum === undefined ? [] : [`> ${exclusiveMinimum}`]),
    ...(high === undefined ? [] : [`<= ${high}`]),
    ...(exclusiveMaximum === undefined ? [] : [`< ${exclusiveMaximum}`]),
  ];
  return bounds.length === 0 ? "" : ` ${bounds.join(" and ")}`;
}
