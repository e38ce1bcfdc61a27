import { StateError } from "../errors.ts";
import { type Arena, sharedArena } from "./arena.ts";
import { assemble, type FunctionBuilder } from "./assembler.ts";

/** An exported function; numbers in, nothing out: results lie in memory. */
export type Entry = (...args: number[]) => void;

/** Compiled once per process: a key stands for one code. */
const modules = new Map<string, { readonly module: WebAssembly.Module; readonly names: readonly string[] }>();
const instances = new WeakMap<Arena, Map<string, Readonly<Record<string, Entry>>>>();

/** The functions of the module emitted for `key`, on the arena's memory; emitted and compiled once for all arenas. */
export function instantiate(
  key: string,
  emit: () => readonly FunctionBuilder[],
  arena: Arena = sharedArena(),
): Readonly<Record<string, Entry>> {
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

function bindTo(key: string, emit: () => readonly FunctionBuilder[], arena: Arena): Readonly<Record<string, Entry>> {
  const { module, names } = moduleOf(key, emit);
  const { exports } = new WebAssembly.Instance(module, { env: { memory: arena.memory } });
  const entries: Record<string, Entry> = {};
  for (const name of names) {
    const entry = exports[name];
    if (typeof entry !== "function") throw new StateError("instantiate", `module ${key} must export ${name}, got ${typeof entry}`);
    entries[name] = entry as Entry;
  }
  return entries;
}

function moduleOf(key: string, emit: () => readonly FunctionBuilder[]): { module: WebAssembly.Module; names: readonly string[] } {
  let compiled = modules.get(key);
  if (!compiled) {
    const functions = emit();
    compiled = { module: new WebAssembly.Module(assemble(functions)), names: functions.map(({ name }) => name) };
    modules.set(key, compiled);
  }
  return compiled;
}
