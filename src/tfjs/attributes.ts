import { ArgumentError } from "../errors.ts";
import { shownValue } from "../shown.ts";

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/** TensorFlow element types by the names that `type` attributes have. */
const TYPES: Readonly<Record<string, "f32" | "i32" | "u8">> = {
  DT_FLOAT: "f32",
  DT_HALF: "f32",
  DT_INT32: "i32",
  DT_INT64: "i32",
  DT_BOOL: "u8",
  DT_UINT8: "u8",
};

/** Reads one kind of value out of `{"i": "1"}` and the like; undefined where it has another form. */
const whole = (value: unknown): number | undefined => {
  const read = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  return typeof read === "number" && Number.isSafeInteger(read) ? read : undefined;
};

/** Text is stored in base64, or as a list of bytes. */
const text = (value: unknown): string | undefined => {
  if (Array.isArray(value)) return value.every((v) => typeof v === "number") ? String.fromCharCode(...value.slice(0, 1000)) : undefined;
  if (typeof value !== "string") return undefined;
  try {
    return atob(value);
  } catch {
    return value;
  }
};

/** The attributes of one node. Absent ones take the given default; those of another form are refused. */
export class Attributes {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #where: string;

  constructor(values: Readonly<Record<string, unknown>>, where: string) {
    this.#values = values;
    this.#where = where;
  }

  int(name: string, fallback: number): number {
    const value = this.#field(name, "i");
    return value === undefined ? fallback : (whole(value) ?? this.#fail(name, "a whole number"));
  }

  float(name: string, fallback: number): number {
    const value = this.#field(name, "f");
    return value === undefined ? fallback : typeof value === "number" ? value : this.#fail(name, "a number");
  }

  bool(name: string): boolean {
    const value = this.#field(name, "b");
    return value === undefined ? false : typeof value === "boolean" ? value : this.#fail(name, "true or false");
  }

  string(name: string, fallback: string): string {
    const value = this.#field(name, "s");
    return value === undefined ? fallback : (text(value) ?? this.#fail(name, "a text"));
  }

  /** Whole numbers of a list; undefined where the attribute is absent. */
  ints(name: string): number[] | undefined {
    const list = this.#list(name, "i");
    return list?.map((value) => whole(value) ?? this.#fail(name, "a list of whole numbers"));
  }

  strings(name: string): string[] {
    return (this.#list(name, "s") ?? []).map((value) => text(value) ?? this.#fail(name, "a list of texts"));
  }

  /** Element type of ours; undefined where the attribute is absent. */
  type(name: string): "f32" | "i32" | "u8" | undefined {
    const value = this.#field(name, "type");
    if (value === undefined) return undefined;
    if (typeof value === "string" && Object.hasOwn(TYPES, value)) return TYPES[value];
    return this.#fail(name, `one of ${Object.keys(TYPES).join(", ")}`);
  }

  /** Sizes of a shape, -1 where free; undefined where the attribute is absent or of unknown rank. */
  shape(name: string): number[] | undefined {
    const value = this.#field(name, "shape");
    if (!isRecord(value) || value.unknownRank === true) return undefined;
    if (value.dim === undefined) return [];
    if (!Array.isArray(value.dim)) return this.#fail(name, "a shape");
    return value.dim.map((d: unknown) => (isRecord(d) ? whole(d.size ?? 0) : undefined) ?? this.#fail(name, "a shape"));
  }

  #field(name: string, key: string): unknown {
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    return isRecord(value) ? value[key] : undefined;
  }

  #list(name: string, key: string): unknown[] | undefined {
    const list = this.#field(name, "list");
    if (!isRecord(list)) return undefined;
    const values = list[key] ?? [];
    return Array.isArray(values) ? values : this.#fail(name, "a list");
  }

  #fail(name: string, wanted: string): never {
    const got = shownValue(Object.hasOwn(this.#values, name) ? this.#values[name] : undefined);
    throw new ArgumentError(this.#where, `attribute ${name} must be ${wanted}, got ${got}`);
  }
}
