import { StateError } from "../errors.ts";
import { type Arena, sharedArena } from "./arena.ts";
import { assemble, type FunctionBuilder } from "./assembler.ts";

/** An exported function; numbers in, nothing out: results lie in memory. */
export type Entry = (...args: number[]) => void;

const instances = new WeakMap<Arena, Map<string, Readonly<Record<string, Entry>>>>();

/** The functions of the module emitted for `key`, on the arena's memory; emitted and compiled once per arena. */
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
    entries = compile(key, emit(), arena);
    known.set(key, entries);
  }
  return entries;
}

function compile(key: string, functions: readonly FunctionBuilder[], arena: Arena): Readonly<Record<string, Entry>> {
  const module = new WebAssembly.Module(assemble(functions));
  const { exports } = new WebAssembly.Instance(module, { env: { memory: arena.memory } });
  const entries: Record<string, Entry> = {};
  for (const { name } of functions) {
    const entry = exports[name];
    if (typeof entry !== "function") throw new StateError("instantiate", `module ${key} must export ${name}, got ${typeof entry}`);
    entries[name] = entry as Entry;
  }
  return entries;
}
