import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Sample } from "../job/index.ts";
import type { Journal, UnitEntry } from "../quant/index.ts";
import { shownValue } from "../shown.ts";
import { Tensor } from "../tensor/index.ts";
import { VERSION } from "../version.ts";
import { digest } from "./digest.ts";
import type { ModelFile } from "./model.ts";
import { writeFileAtomic } from "./output.ts";
import { UsageError } from "./usageError.ts";
import { decodeValue, encodeValue, type Value } from "./valueFile.ts";

/** Folder below the output that holds what an interrupted run finished. */
export const UNFINISHED = "unfinished";

/** Everything that decides the result of a run; contents are digests. */
export interface JournalKey {
  /** Version of the library. */
  readonly version: string;
  /** The model's files. */
  readonly model: string;
  /** The detector card; null for a network without. */
  readonly card: string | null;
  /** Every option with its value. */
  readonly config: Readonly<Record<string, unknown>>;
  /** What the run is calibrated on, in order. */
  readonly samples: readonly { readonly name: string; readonly contents: string }[];
}

const KEY = z.strictObject({
  version: z.string(),
  model: z.string(),
  card: z.string().nullable(),
  config: z.record(z.string(), z.unknown()),
  samples: z.array(z.strictObject({ name: z.string(), contents: z.string() })),
});

/** The key of a run. */
export function journalKey(
  model: ModelFile,
  card: unknown,
  config: Readonly<Record<string, unknown>>,
  samples: readonly Sample[],
): JournalKey {
  return {
    version: VERSION,
    model: digest(model.bytes, ...[...model.parts].flat()),
    card: card === undefined ? null : digest(JSON.stringify(card)),
    config: JSON.parse(JSON.stringify(config)) as Record<string, unknown>,
    samples: samples.map((sample) => ({ name: sample.name, contents: contentsOf(sample) })),
  };
}

function contentsOf({ picture, tensors }: Sample): string {
  const named = tensors instanceof Tensor ? { "": tensors } : (tensors ?? {});
  const parts = Object.entries(named).flatMap(([name, { dtype, shape, data }]) => [
    JSON.stringify([name, dtype, shape]),
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ]);
  return digest(...(picture ? [`${picture.width}x${picture.height}`, picture.data] : []), ...parts);
}

/** A journal in a folder. */
export interface DiskJournal extends Journal {
  /** Units it holds. */
  readonly count: number;
  /** Deletes the folder. */
  remove(): void;
}

/**
 * Opens the journal in `folder`, which is made with the first unit that is written. Each unit is a file of its own, named
 * for its place and its contents: what a kill or a fault left incomplete is found out, and learned anew with all behind it.
 *
 * Errors: UsageError where the folder holds a run with another key, naming the first difference; OutputError where it cannot be written.
 */
export function openJournal(folder: string, key: JournalKey): DiskJournal {
  const path = join(folder, "key.json");
  requireKey(folder, path, key);
  const units = readUnits(folder);
  const found = new Map(units.map((unit) => [nameOf(unit.entry.record), unit]));
  return {
    get count() {
      return found.size;
    },
    find: (stage, unit) => found.get(nameOf({ stage, unit }))?.entry,
    spent: (stage) => units.findLast(({ entry }) => entry.record.stage === stage)?.milliseconds ?? 0,
    add(entry, milliseconds) {
      if (found.size === 0) {
        mkdirSync(folder, { recursive: true });
        writeFileAtomic(path, `${JSON.stringify(key)}\n`);
      }
      const unit = { entry, milliseconds };
      const bytes = encodeValue(unit as unknown as Value);
      writeFileAtomic(join(folder, fileName(found.size, bytes)), bytes);
      found.set(nameOf(entry.record), unit);
    },
    remove() {
      for (const name of unitFiles(folder).reverse()) rmSync(join(folder, name));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface WrittenUnit {
  readonly entry: UnitEntry;
  readonly milliseconds: number;
}

const nameOf = ({ stage, unit }: { readonly stage: string; readonly unit: string }): string => JSON.stringify([stage, unit]);

const ENDING = ".safetensors";
const fileName = (place: number, bytes: Uint8Array): string => `${String(place).padStart(5, "0")}-${digest(bytes).slice(0, 32)}${ENDING}`;

/** In order; what a kill leaves of them when they are deleted from the last to the first is a journal too. */
const unitFiles = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(ENDING))
        .sort()
    : [];

/** The units from the first on that are whole; files behind a damaged or missing one are deleted. */
function readUnits(folder: string): WrittenUnit[] {
  const units: WrittenUnit[] = [];
  for (const name of unitFiles(folder)) {
    const bytes = readFileSync(join(folder, name));
    if (name === fileName(units.length, bytes)) units.push(decodeValue(bytes, name) as unknown as WrittenUnit);
    else rmSync(join(folder, name));
  }
  return units;
}

function requireKey(folder: string, path: string, key: JournalKey): void {
  const refuse = (what: string, was: string, is: string): UsageError =>
    new UsageError("--resume", `${what} must be as in the unfinished run${was}, got ${is} (${folder}; --force starts anew)`);
  if (!existsSync(path)) {
    if (unitFiles(folder).length > 0) throw refuse("key.json", "", "none");
    return;
  }
  const known = parseKey(readFileSync(path, "utf8"));
  if (!known) throw refuse("key.json", "", "a damaged one");
  if (known.version !== key.version) throw refuse("the version", `, ${known.version}`, key.version);
  if (known.model !== key.model) throw refuse("the model", "", "another one");
  if (known.card !== key.card) throw refuse("the detector card", "", "another one");
  const at = differingPath(known.config, key.config);
  if (at) throw refuse(at.join("."), `, ${shown(valueAt(known.config, at))}`, shown(valueAt(key.config, at)));
  if (known.samples.length !== key.samples.length) throw refuse("the samples", `, ${known.samples.length}`, String(key.samples.length));
  key.samples.forEach(({ name, contents }, i) => {
    const was = known.samples[i];
    if (was.name !== name) throw refuse(`sample ${i + 1}`, `, "${was.name}"`, `"${name}"`);
    if (was.contents !== contents) throw refuse(`sample "${name}"`, "", "other values");
  });
}

function parseKey(text: string): JournalKey | undefined {
  try {
    return KEY.parse(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}

const shown = (value: unknown): string => (value === undefined ? "none" : shownValue(value));

const valueAt = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((v, key) => (isRecord(v) ? v[key] : undefined), value);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Where two values of JSON first differ; undefined where they do not. */
function differingPath(a: unknown, b: unknown): string[] | undefined {
  if (!isRecord(a) || !isRecord(b)) return JSON.stringify(a) === JSON.stringify(b) ? undefined : [];
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const path = differingPath(a[key], b[key]);
    if (path) return [key, ...path];
  }
  return undefined;
}
