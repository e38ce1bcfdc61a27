/**
 * Watches the arrays that code asks for by their length: every typed array and array buffer constructor of the process is
 * replaced by one that counts, so that what reads the global name when it allocates is counted.
 */
const CONSTRUCTORS = [
  "ArrayBuffer",
  "SharedArrayBuffer",
  "Uint8Array",
  "Int8Array",
  "Uint8ClampedArray",
  "Uint16Array",
  "Int16Array",
].concat(["Uint32Array", "Int32Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array", "Array"]);

type Constructor = new (...args: unknown[]) => object;

/** Nothing larger is made: asking for it is a finding already. */
const REFUSED = 2 ** 28;

let asked = 0;

function watched(name: string): Constructor {
  const original = (globalThis as unknown as Record<string, Constructor & { BYTES_PER_ELEMENT?: number }>)[name];
  const width = original.BYTES_PER_ELEMENT ?? (name === "Array" ? 8 : 1);
  const proxy: Constructor = new Proxy(original, {
    construct(target, args: unknown[], newTarget) {
      if (args.length === 1 || name.endsWith("Buffer")) note(args[0], width);
      return Reflect.construct(target, args, newTarget === proxy ? target : newTarget);
    },
  });
  return proxy;
}

function note(length: unknown, width: number): void {
  if (typeof length !== "number") return;
  asked += length * width;
  if (length * width > REFUSED) throw new Error(`asked for ${length * width} bytes at once`);
}

for (const name of CONSTRUCTORS) (globalThis as unknown as Record<string, Constructor>)[name] = watched(name);

/** Bytes of all arrays that were asked for while `f` ran. */
export function bytesAsked(f: () => void): number {
  asked = 0;
  f();
  return asked;
}
