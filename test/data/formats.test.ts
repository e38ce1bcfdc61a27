import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseCoco, readSafetensors } from "../../src/data/index.ts";

interface FormatCase {
  readonly name: string;
  readonly op: string;
  readonly attrs: { readonly file: string; readonly reader?: string };
}

const folder = new URL("../golden/formats/", import.meta.url);
const manifest = new URL("manifest.json", folder);
const cases = existsSync(manifest) ? (JSON.parse(readFileSync(manifest, "utf8")) as { cases: FormatCase[] }).cases : [];
const bytesOf = (c: FormatCase) => new Uint8Array(readFileSync(new URL(c.attrs.file, folder)));

const readers: Readonly<Record<string, (bytes: Uint8Array, name: string) => unknown>> = {
  safetensors: readSafetensors,
  coco: parseCoco,
};

describe("hostile files", () => {
  const bad = cases.filter((c) => c.op === "reject" && c.attrs.reader !== undefined && c.attrs.reader in readers);
  it("are there", () => expect(bad.length).toBeGreaterThan(20));
  it.each(bad)("$name is refused in one line that names it", (c) => {
    expect(() => readers[c.attrs.reader!](bytesOf(c), c.name)).toThrow(new RegExp(`^\\w+: ${c.name.replaceAll(".", "\\.")} .*, got `));
  });
});

describe("valid files", () => {
  it("a byte-order mark is accepted", () => {
    const dataset = parseCoco(bytesOf({ name: "bom", op: "read_coco", attrs: { file: "valid/bom.coco.json" } }));
    expect(dataset.annotations[0].box).toEqual([1, 2, 11, 14]);
  });
  it.each(["all_dtypes", "unpadded_header", "no_tensors", "proto_name"])("%s.safetensors is read", (name) => {
    const c: FormatCase = { name, op: "read_safetensors", attrs: { file: `valid/${name}.safetensors` } };
    const stored = cases.find((x) => x.name === `${name}.safetensors`) as unknown as {
      outputs: Record<string, { shape: number[]; data?: number[] }>;
    };
    const { tensors } = readSafetensors(bytesOf(c));
    expect([...tensors.keys()].sort()).toEqual(Object.keys(stored.outputs).sort());
    for (const [key, want] of Object.entries(stored.outputs)) {
      expect(tensors.get(key)!.shape).toEqual(want.shape);
      if (want.data) expect([...tensors.get(key)!.data]).toEqual(want.data);
    }
  });
});
