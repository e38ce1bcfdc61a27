import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Worker } from "node:worker_threads";
import { build } from "vite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encodePng, scene } from "../../src/data/index.ts";
import { ArgumentError } from "../../src/errors.ts";
import type { PictureSample } from "../../src/job/index.ts";
import { DECODER } from "../../src/node/decodeWorker.ts";
import { listPictures, type PictureFile, type PictureReading, type ReadOptions, readPictures, UsageError } from "../../src/node/index.ts";

const COUNT = 20;
const root = mkdtempSync(join(tmpdir(), "inlierq-reading-"));
const folder = join(root, "photos");
mkdirSync(folder);
for (let i = 0; i < COUNT; i++) {
  const { picture } = scene("reading", i, { width: 48 + i, height: 48 });
  writeFileSync(join(folder, `${String(i).padStart(2, "0")}.png`), encodePng(picture));
}
const files = listPictures(folder);

/** The module that workers load, as every Node can load it. */
let decoder = "";
beforeAll(async () => {
  const ssr = fileURLToPath(DECODER);
  const output = { entryFileNames: "decoder.mjs" };
  await build({
    configFile: false,
    logLevel: "error",
    ssr: { noExternal: true },
    build: { ssr, outDir: join(root, "built"), rollupOptions: { output } },
  });
  decoder = pathToFileURL(join(root, "built/decoder.mjs")).href;
});
afterAll(() => rmSync(root, { recursive: true }));

let started: Worker[] = [];
const onWorker = (worker: Worker): void => void started.push(worker);
beforeEach(() => {
  started = [];
  process.on("worker", onWorker);
});
afterEach(() => {
  process.off("worker", onWorker);
  // A worker that has ended has no thread any more.
  expect(started.map((worker) => worker.threadId)).toEqual(started.map(() => -1));
});

async function all(reading: AsyncIterable<PictureSample>): Promise<PictureSample[]> {
  const samples: PictureSample[] = [];
  for await (const sample of reading) samples.push(sample);
  return samples;
}

/** A module that workers call in place of the decoder. */
function fake(name: string, body: string, first = ""): string {
  writeFileSync(join(root, `${name}.mjs`), `${first} export const decodePicture = () => { ${body} };`);
  return pathToFileURL(join(root, `${name}.mjs`)).href;
}

/** Reads with workers however small the files are, once they have gone as far as they may. */
async function withWorkers(list: readonly PictureFile[], options: ReadOptions): Promise<PictureReading> {
  const reading = readPictures(list, { least: 1, decoder, ...options });
  const expected = Math.min(list.length, 4 * (started.length + 1));
  while (reading.fromWorkers < expected) await new Promise((resolve) => setTimeout(resolve, 5));
  return reading;
}

describe("reading on several threads", () => {
  it.each([2, 3, 8, 100])("gives the samples of one thread in their order, on %i", async (threads) => {
    const reading = await withWorkers(files.slice(0, threads === 100 ? 3 : COUNT), { threads });
    const samples = await all(reading);
    expect(started).toHaveLength(Math.min(threads, samples.length) - 1);
    expect(samples).toEqual((await all(readPictures(files))).slice(0, samples.length));
    expect(reading.fromWorkers).toBeGreaterThan(0);
  });

  it("goes four pictures a thread ahead and no further", async () => {
    const reading = await withWorkers(files, { threads: 2 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(reading.fromWorkers).toBe(8);
    await reading.close();
  });

  it("ends its workers when it is left early", async () => {
    for await (const sample of await withWorkers(files, { threads: 3 })) {
      expect(sample.name).toBe(files[0].name);
      break;
    }
    expect(started).toHaveLength(2);
  });

  it("ends its workers when it is closed before it began", async () => {
    const reading = readPictures(files, { threads: 3, least: 1, decoder });
    await reading.close();
    expect(started).toHaveLength(2);
    expect(await all(reading)).toHaveLength(COUNT);
  });

  it.each([
    ["a decoder that does not exist", () => pathToFileURL(join(root, "none.mjs")).href],
    ["a decoder that ends its worker", () => fake("exit", "process.exit(3)")],
    ["a decoder without pictures", () => fake("nothing", "")],
    ["a decoder that never loads", () => fake("never", "", "await new Promise((resolve) => setTimeout(resolve, 1e9));")],
    ["sources, which not every Node can load", () => DECODER],
  ])("reads here what workers leave: %s", async (_, address) => {
    const reading = readPictures(files, { threads: 3, least: 1, decoder: address() });
    expect(await all(reading)).toEqual(await all(readPictures(files)));
    expect(started).toHaveLength(2);
  });
});

describe("pictures that cannot be read", () => {
  const text = join(root, "text.png");
  writeFileSync(text, "no picture");
  const cut = join(root, "cut.png");
  writeFileSync(cut, encodePng(scene("reading", 0).picture).subarray(0, 300));
  const missing = join(root, "missing.png");

  /** The names that came before the error, and the error. */
  async function failed(reading: PictureReading): Promise<{ names: string[]; error: unknown }> {
    const names: string[] = [];
    try {
      for await (const { name } of reading) names.push(name);
    } catch (error) {
      return { names, error };
    }
    throw new Error("nothing was wrong");
  }

  const rows = [
    ["text", text, ArgumentError],
    ["damaged", cut, ArgumentError],
    ["missing", missing, UsageError],
  ] as const;

  it.each(rows)("the first of them in order ends the reading: %s", async (_, path, kind) => {
    const bad = (at: number): PictureFile => ({ name: `bad ${at}`, path });
    const list = files.map((file, i) =>
      i === 9 ? bad(i) : i > 9 && i % 2 === 0 ? { name: "later", path: join(root, "later.png") } : file,
    );
    const where = "caller";
    const alone = await failed(readPictures(list, { where }));
    const shared = await failed(await withWorkers(list, { threads: 2, where }));
    expect(shared.names).toEqual(list.slice(0, 9).map(({ name }) => name));
    expect(shared.names).toEqual(alone.names);
    expect(shared.error).toBeInstanceOf(kind);
    expect(shared.error).toEqual(alone.error);
    expect((shared.error as Error).message).toContain(path);
  });
});

describe("reading on one thread", () => {
  it.each([
    ["one thread", files, { threads: 1, least: 1 }],
    ["no thread", files, { threads: 0, least: 1 }],
    ["one picture", files.slice(0, 1), { threads: 4, least: 1 }],
    ["no picture", [], { threads: 4, least: 1 }],
    ["little to decode", files, { threads: 4 }],
  ])("starts no worker: %s", async (_, list, options) => {
    expect((await all(readPictures(list, options))).map(({ name }) => name)).toEqual(list.map(({ name }) => name));
    expect(started).toEqual([]);
  });
});
