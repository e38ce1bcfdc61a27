import { ArgumentError } from "../errors.ts";
import { formatShape, sameShape, Tensor } from "../tensor/index.ts";

/** A named point where a tensor may be watched or replaced: "backbone.conv1/weight". */
export type Site = string;

/** What passes a tap: a layer's input, weight, bias, or any tensor a module or node produces. */
export type Slot = "input" | "weight" | "bias" | "output";

/**
 * Watches or replaces tensors while a module runs. A module hands each of its tensors to the tap and
 * goes on with what comes back. `at(child)` is the tap for a named part.
 */
export interface Tap {
  /** Sees a tensor at a slot of this site and returns it, or another of the same shape in its place. */
  (slot: Slot, x: Tensor): Tensor;
  at(child: string): Tap;
}

/** A frozen computation: fields are tensors (parameters), modules, lists of modules, or plain configuration. */
export interface Module<Out = Tensor> {
  /** The output for an input; every named tensor passes `tap` on the way. Shapes are the module's own. */
  forward(x: Tensor, tap?: Tap): Out;
}

/** The tap that changes nothing. Any shapes. */
export const identityTap: Tap = Object.assign((_: Slot, x: Tensor) => x, { at: () => identityTap });

/** A tap from one function of the full site name. Any shapes; `see` must keep them. */
export function tapFrom(see: (path: string, slot: Slot, x: Tensor) => Tensor, path = ""): Tap {
  return Object.assign((slot: Slot, x: Tensor) => see(path, slot, x), {
    at: (child: string) => tapFrom(see, path === "" ? child : `${path}.${child}`),
  });
}

const isModule = (v: unknown): v is Module<unknown> => typeof v === "object" && v !== null && "forward" in v;

/** Parameters by dotted path, in field order. Shapes are the parameters' own. */
export function parameters(module: Module<unknown>): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  const visit = (value: unknown, path: string): void => {
    if (value instanceof Tensor) found.set(path, value);
    else if (Array.isArray(value)) value.forEach((v, i) => visit(v, `${path}.${i}`));
    else if (isModule(value)) for (const [k, v] of Object.entries(value)) visit(v, path === "" ? k : `${path}.${k}`);
  };
  visit(module, "");
  return found;
}

/** The modules inside `module` by dotted path, in field order, itself under "". */
export function submodules(module: Module<unknown>): Map<string, Module<unknown>> {
  const found = new Map<string, Module<unknown>>();
  const visit = (value: unknown, path: string): void => {
    if (Array.isArray(value)) value.forEach((v, i) => visit(v, `${path}.${i}`));
    else if (isModule(value)) {
      found.set(path, value);
      for (const [k, v] of Object.entries(value)) visit(v, path === "" ? k : `${path}.${k}`);
    }
  };
  visit(module, "");
  return found;
}

/**
 * A copy of `module` with the named parameters replaced; names must exist, shapes and dtypes must agree. Shapes: those
 * of the parameters replaced. Errors: ArgumentError for a name, shape or dtype the module does not have.
 */
export function withParameters<M extends Module<unknown>>(module: M, replaced: ReadonlyMap<string, Tensor>): M {
  const used = new Set<string>();
  const rebuild = (value: unknown, path: string): unknown => {
    if (value instanceof Tensor) {
      const next = replaced.get(path);
      if (!next) return value;
      used.add(path);
      if (!sameShape(next.shape, value.shape)) {
        throw new ArgumentError("withParameters", `${path} must have shape ${formatShape(value.shape)}, got ${formatShape(next.shape)}`);
      }
      if (next.dtype !== value.dtype) throw new ArgumentError("withParameters", `${path} must be ${value.dtype}, got ${next.dtype}`);
      return next;
    }
    if (Array.isArray(value)) return value.map((v, i) => rebuild(v, `${path}.${i}`));
    if (!isModule(value)) return value;
    const copy = Object.create(Object.getPrototypeOf(value) as object) as Record<string, unknown>;
    for (const [k, v] of Object.entries(value)) copy[k] = rebuild(v, path === "" ? k : `${path}.${k}`);
    return Object.freeze(copy);
  };
  const copy = rebuild(module, "") as M;
  for (const name of replaced.keys()) {
    if (!used.has(name)) throw new ArgumentError("withParameters", `every name must be a parameter of the module, got "${name}"`);
  }
  return copy;
}
