import { StateError } from "../errors.ts";
import { type Arena, stagingArena } from "./arena.ts";
import { assemble, type FunctionBuilder } from "./assembler.ts";
import { kernelProblem } from "./support.ts";

/** An exported function; numbers in, nothing out: results lie in memory. */
export type Entry = (...args: number[]) => void;

/** Functions of one module on one memory. */
export type Entries = Readonly<Record<string, Entry>>;

/** Compiled once per process and kind of memory: a key stands for one code. */
const modules = new Map<string, { readonly module: WebAssembly.Module; readonly names: readonly string[] }>();
const instances = new WeakMap<Arena, Map<string, Entries>>();
const origins = new WeakMap<Entry, { readonly module: WebAssembly.Module; readonly entries: Entries }>();

/** The module a function comes from, with all functions of the same instance in the order of the module. */
export function originOf(entry: Entry): { readonly module: WebAssembly.Module; readonly entries: Entries } {
  const origin = origins.get(entry);
  if (!origin) throw new StateError("originOf", "the function must come from instantiate, got another");
  return origin;
}

/**
 * The functions of the module emitted for `key`, on the arena's memory; emitted and compiled once for all arenas.
 * Errors: StateError where the runtime cannot run WebAssembly with SIMD.
 */
export function instantiate(key: string, emit: () => readonly FunctionBuilder[], arena: Arena = stagingArena()): Entries {
  let known = instances.get(arena);
  if (!known) {
    known = new Map();
    instances.set(arena, known);
  }
  let entries = known.get(key);
  if (!entries) {
    entries = bindTo(key, emit, arena);
    known.set(key, entries);
  }
  return entries;
}

function bindTo(key: string, emit: () => readonly FunctionBuilder[], arena: Arena): Entries {
  const { module, names } = moduleOf(key, emit, arena.pool !== undefined);
  const { exports } = new WebAssembly.Instance(module, { env: { memory: arena.memory } });
  const entries: Record<string, Entry> = {};
  for (const name of names) {
    const entry = exports[name];
    if (typeof entry !== "function") throw new StateError("instantiate", `module ${key} must export ${name}, got ${typeof entry}`);
    entries[name] = entry as Entry;
    origins.set(entry as Entry, { module, entries });
  }
  return entries;
}

function moduleOf(
  name: string,
  emit: () => readonly FunctionBuilder[],
  shared: boolean,
): { module: WebAssembly.Module; names: readonly string[] } {
  const key = shared ? `${name} (shared)` : name;
  let compiled = modules.get(key);
  if (!compiled) {
    const problem = kernelProblem();
    if (problem !== undefined) throw new StateError("instantiate", `the runtime must run WebAssembly with SIMD, got ${problem}`);
    const functions = emit();
    compiled = { module: new WebAssembly.Module(assemble(functions, shared)), names: functions.map((f) => f.name) };
    modules.set(key, compiled);
  }
  return compiled;
}
