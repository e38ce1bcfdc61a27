import { describe, expect, it } from "vitest";
import { describeMethods } from "../../src/job/index.ts";
import { type Method, methods } from "../../src/quant/index.ts";

/** A maker of a method with any options its schema has. */
interface Maker {
  (options?: object): Method;
  readonly schema: { parse(value: unknown): object };
}
const makers = Object.entries(methods) as unknown as readonly (readonly [string, Maker])[];

/** The record with every function as its text: two makes of one method differ in nothing else. */
const plain = (method: Method): unknown => JSON.parse(JSON.stringify(method, (_, v: unknown) => (typeof v === "function" ? String(v) : v)));

describe.each(makers)("%s", (name, make) => {
  it("has every option of its schema in its record", () => {
    const described = describeMethods().find((m) => m.name === name);
    expect(described?.options.filter((o) => o.default === undefined)).toEqual([]);
    const keys = Object.keys((make.schema as unknown as { readonly shape: object }).shape).sort();
    expect(Object.keys(make().options).sort()).toEqual(keys);
    expect([...new Set(described?.options.map((o) => o.name.split(".")[0]))].sort()).toEqual(keys);
  });

  it("is the same method when its options are read back", () => {
    const first = make();
    const again = make(make.schema.parse(JSON.parse(JSON.stringify(first.options))));
    expect(again.options).toEqual(first.options);
    expect(plain(again)).toEqual(plain(first));
  });

  it("keeps an option that is not the default", () => {
    for (const [key, value] of Object.entries(make().options)) {
      const other = typeof value === "boolean" ? !value : typeof value === "number" && value > 1 ? value - 1 : value;
      const parsed = make.schema.parse({ [key]: other });
      expect(make(parsed).options[key], key).toEqual(other);
    }
  });

  it("says what it does in one sentence", () => {
    expect(make().about).toMatch(/^[A-Z][^.]*\.$/);
    expect(make().cite).not.toBe("");
  });
});
