import { ArgumentError } from "../errors.ts";
import { shownValue } from "../shown.ts";
import type { Tensor } from "../tensor/index.ts";
import { parseNpy, writeNpy } from "./npy.ts";
import { readZip, writeZip } from "./zip.ts";

const SUFFIX = ".npy";

/** Whether a key stays below whatever folder it is joined to. */
const staysInside = (key: string): boolean =>
  !/[\\:\0]/.test(key) && key.split("/").every((part) => part !== "" && part !== "." && part !== "..");

/**
 * Reads the arrays of numpy's .npz form, plain or compressed, by key; see `readNpy` for element types.
 *
 * Errors: ArgumentError naming `name`, the member and the fault: no or a damaged zip archive, a member that is no
 * array, whose key leaves the archive or comes twice, or one that states another size or checksum than it has.
 *
 * Shapes are the file's.
 */
export function readNpz(bytes: Uint8Array, name = "file"): ReadonlyMap<string, Tensor> {
  const fail = (problem: string) => new ArgumentError("readNpz", `${name} ${problem}`);
  const tensors = new Map<string, Tensor>();
  for (const [member, data] of readZip(bytes, fail)) {
    const key = member.endsWith(SUFFIX) ? member.slice(0, -SUFFIX.length) : member;
    if (!staysInside(key)) throw fail(`must have keys that stay in the archive, got member ${shownValue(member)}`);
    if (key === member) throw fail(`must hold only ${SUFFIX} members, got ${shownValue(member)}`);
    tensors.set(
      key,
      parseNpy(data, (problem) => fail(`member ${shownValue(member)} ${problem}`)),
    );
  }
  return tensors;
}

/**
 * Writes numpy's .npz form, uncompressed, by key: equal tensors give equal bytes. Errors: ArgumentError for a key that
 * leaves the archive. Shapes are kept.
 */
export function writeNpz(tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  const members = [...tensors]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, tensor]): [string, Uint8Array] => {
      if (!staysInside(key)) throw new ArgumentError("writeNpz", `a key must stay in the archive, got ${shownValue(key)}`);
      return [`${key}${SUFFIX}`, writeNpy(tensor)];
    });
  return writeZip(new Map(members));
}
