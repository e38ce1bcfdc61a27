import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");
const SRC = join(ROOT, "src");

interface Import {
  readonly from: string;
  readonly line: number;
  readonly typeOnly: boolean;
}

interface File {
  /** Path below the folder it was found in, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text with comments blanked, line numbers kept. */
  readonly code: string;
}

interface Source extends File {
  readonly folder: string;
  readonly imports: readonly Import[];
}

/** Files without imports that everyone may use. */
const OPEN = ["errors", "shown", "suggest", "version", "elementary"];

/** Folders a folder may import at run time. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  shown: [],
  suggest: [],
  version: [],
  elementary: [],
  wasm: [],
  em: ["tensor"],
  tensor: [],
  autograd: ["tensor"],
  nn: ["tensor"],
  graph: ["tensor", "nn"],
  detect: ["tensor", "nn"],
  data: ["tensor", "detect"],
  quant: ["tensor", "autograd", "nn", "graph", "em", "detect"],
  onnx: ["tensor", "nn", "graph", "quant"],
  tfjs: ["tensor", "nn", "graph"],
  report: [],
  job: ["tensor", "autograd", "nn", "graph", "em", "detect", "data", "quant", "onnx", "tfjs", "report"],
  laws: ["tensor", "em", "quant", "onnx"],
  index: ["tensor", "autograd", "nn", "graph", "em", "detect", "data", "quant", "onnx", "tfjs", "report", "job"],
  node: ["tensor", "autograd", "nn", "graph", "em", "detect", "data", "quant", "onnx", "tfjs", "report", "job", "index"],
  experiments: ["tensor", "autograd", "nn", "graph", "em", "detect", "data", "quant", "onnx", "tfjs", "report", "job"],
  cli: [
    "tensor",
    "autograd",
    "nn",
    "graph",
    "em",
    "detect",
    "data",
    "quant",
    "onnx",
    "tfjs",
    "report",
    "job",
    "node",
    "experiments",
    "index",
  ],
};

/** Exceptions by path prefix. */
const ALSO: readonly (readonly [prefix: string, folder: string])[] = [
  ["tensor/kernels/", "wasm"],
  ["em/kernels/", "wasm"],
  ["quant/integer/", "wasm"],
  ["quant/kernels/", "wasm"],
  ["autograd/compile.ts", "wasm"],
  ["autograd/program.ts", "wasm"],
  ["node/threads.ts", "wasm"],
  ["nn/minimize.ts", "autograd"],
  ["nn/descent.ts", "autograd"],
];

/** Folders allowed to import types only. */
const TYPES_ONLY: Readonly<Record<string, readonly string[]>> = { report: ["quant", "experiments"] };

/** Which part may use which package. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  seedrandom: ["tensor/random.ts"],
  zod: ["tfjs/", "detect/", "data/", "quant/", "job/", "node/", "cli/"],
  "jpeg-js": ["data/"],
  "fast-png": ["data/"],
  fflate: ["data/zip.ts"],
  "onnx-buf": ["onnx/"],
  "@bufbuild/protobuf": ["onnx/"],
  "fast-check": ["laws/"],
  "onnxruntime-web": ["node/runtimeCheck.ts"],
  tinypool: ["node/sweepPool.ts"],
};

function withoutComments(text: string): string {
  const blank = (s: string): string => s.replace(/[^\n]/g, " ");
  return text
    .replace(/\/\*[\s\S]*?\*\//g, blank)
    .replace(/(^|[^:"'`\\])(\/\/[^\n]*)/g, (_, before: string, comment: string) => before + blank(comment));
}

function importsOf(code: string): Import[] {
  const found: Import[] = [];
  const pattern =
    /(?:^|\n)\s*(import|export)\s+(type\s+)?([^;"']*?)\s*from\s*["']([^"']+)["']|(?:^|\n)\s*import\s+["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;
  for (const match of code.matchAll(pattern)) {
    const names = (match[3] ?? "").replace(/[{}\s]+/g, " ").trim();
    const inline = names !== "" && names.split(",").every((n) => n.trim() === "" || n.trim().startsWith("type "));
    found.push({
      from: match[4] ?? match[5] ?? match[6],
      line: code.slice(0, match.index + 1).split("\n").length,
      typeOnly: match[2] !== undefined || inline,
    });
  }
  return found;
}

/** The TypeScript files below a folder, sorted by path. */
const filesOf = (folder: string): File[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((p) => p.endsWith(".ts"))
    .map((p) => p.replaceAll("\\", "/"))
    .sort()
    .map((path) => {
      const text = readFileSync(join(folder, path), "utf8");
      return { path, text, code: withoutComments(text) };
    });

/** First folder of a path below src; a file directly in src is a folder of its own name. */
const folderOf = (path: string): string => (path.includes("/") ? path.split("/")[0] : path.replace(/\.ts$/, ""));

const sources: readonly Source[] = filesOf(SRC).map((file) => ({ ...file, folder: folderOf(file.path), imports: importsOf(file.code) }));

/** Path below src that an import line points at, or undefined for a package. */
const targetOf = (source: Source, from: string): string | undefined =>
  from.startsWith(".") ? relative(SRC, resolve(SRC, dirname(source.path), from)).replaceAll("\\", "/") : undefined;

test("every folder of src has a row in the import table", () => {
  const unknown = sources.filter((s) => !(s.folder in MAY_IMPORT)).map((s) => s.path);
  expect(unknown).toEqual([]);
});

test("folders import only what lies below them", () => {
  const wrong: string[] = [];
  for (const source of sources) {
    for (const { from, line, typeOnly } of source.imports) {
      const target = targetOf(source, from);
      if (target === undefined) continue;
      const folder = folderOf(target);
      if (folder === source.folder || OPEN.includes(folder)) continue;
      const allowed =
        MAY_IMPORT[source.folder]?.includes(folder) ||
        ALSO.some(([prefix, extra]) => source.path.startsWith(prefix) && extra === folder) ||
        (typeOnly && TYPES_ONLY[source.folder]?.includes(folder));
      if (!allowed) wrong.push(`${source.path}:${line} imports ${from}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("across folders only index.ts is imported, and paths end in .ts", () => {
  const wrong: string[] = [];
  for (const source of sources) {
    for (const { from, line } of source.imports) {
      const target = targetOf(source, from);
      if (target === undefined) continue;
      if (!target.endsWith(".ts")) wrong.push(`${source.path}:${line} imports ${from}`);
      const folder = folderOf(target);
      if (folder !== source.folder && target.includes("/") && target !== `${folder}/index.ts`) {
        wrong.push(`${source.path}:${line} imports ${from}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

test("packages are used only where the table says, and node: only in node and cli", () => {
  const wrong: string[] = [];
  for (const source of sources) {
    for (const { from, line } of source.imports) {
      if (from.startsWith(".")) continue;
      const name = from.startsWith("@") ? from.split("/").slice(0, 2).join("/") : from.split("/")[0];
      const allowed = name.startsWith("node:")
        ? source.folder === "node" || source.folder === "cli"
        : PACKAGES[name]?.some((prefix) => source.path.startsWith(prefix));
      if (!allowed) wrong.push(`${source.path}:${line} imports ${from}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("nothing reachable from the root entry needs Node", () => {
  const byPath = new Map(sources.map((s) => [s.path, s]));
  const seen = new Set<string>();
  const visit = (path: string): void => {
    const source = byPath.get(path);
    if (!source || seen.has(path)) return;
    seen.add(path);
    for (const { from } of source.imports) {
      expect(from.startsWith("node:"), `${path} imports ${from}`).toBe(false);
      const target = targetOf(source, from);
      if (target !== undefined) visit(target);
    }
  };
  visit("index.ts");
  expect(seen.size).toBeGreaterThan(20);
});

/** What decides the bytes of a result with the fast kernels, which bring their own functions. */
const PORTABLE = /^(em|quant|data|detect|job|graph|onnx|tfjs|experiments|tensor\/random\.ts)/;

/** Patterns that may not occur in code, with the paths they may occur in. */
const BANNED: readonly (readonly [what: string, pattern: RegExp, where: (path: string) => boolean])[] = [
  ["Math.random", /\bMath\.random\b/, () => true],
  ["the wall clock", /\bDate\.now\b|\bnew Date\b/, () => true],
  // Threads wait for each other by the clock; no result depends on it. A budget of time is all about the clock.
  ["performance.now", /\bperformance\.now\b/, (p) => !/^(job|cli|node|wasm\/(threads|worker)\.ts|quant\/reconstruct\/budget\.ts)/.test(p)],
  // Engines differ in the last bit; src/elementary.ts does not.
  [
    "functions of the engine where bytes depend on them",
    /\bMath\.(exp|expm1|log|log1p|log10|sin|cos|tanh|hypot)\b/,
    (p) => PORTABLE.test(p),
  ],
  ["Math.round (half up)", /\bMath\.round\b/, (p) => /^(quant|tensor)\//.test(p)],
  ["export *", /\bexport \*/, (p) => !p.startsWith("tensor/ops/") && p !== "tensor/index.ts"],
  ["any", /\bas any\b|: any\b|<any>|\bany\[\]/, (p) => p !== "tensor/op.ts"],
  ["an empty catch", /catch\s*(\([^)]*\))?\s*\{\s*\}/, () => true],
  ["process", /\bprocess\./, (p) => !/^(node|cli)\//.test(p)],
];

for (const [what, pattern, applies] of BANNED) {
  test(`src is free of ${what}`, () => {
    const wrong = sources.filter((s) => applies(s.path) && pattern.test(s.code)).map((s) => s.path);
    expect(wrong).toEqual([]);
  });
}

test("no unfinished work is left in src, and no folder is a drawer", () => {
  expect(sources.filter((s) => /\b(TODO|FIXME|XXX)\b/.test(s.text)).map((s) => s.path)).toEqual([]);
  expect(sources.filter((s) => /(^|\/)(utils|common|types|helpers)(\/|\.ts$)/.test(s.path)).map((s) => s.path)).toEqual([]);
});

/** Everything that keeps the budgets, by path below the root. */
const budgeted = ["src", "test", "bench", "scripts", "examples"].flatMap((folder) =>
  filesOf(join(ROOT, folder)).map((file) => ({ ...file, path: `${folder}/${file.path}` })),
);

test("files have at most 300 lines", () => {
  const long = budgeted.map((f) => [f.path, f.text.trimEnd().split("\n").length] as const).filter(([, lines]) => lines > 300);
  expect(long).toEqual([]);
});

/** Whether a line opens a function; a `describe` is a chapter of functions. */
const opensFunction = (line: string): boolean =>
  (/\bfunction\b.*[{(]$/.test(line) || /=>\s*\{$/.test(line) || /^\s+(async |get |static |override )*[#\w]+(<.*>)?\(.*\{$/.test(line)) &&
  !/^\s*(if|for|while|switch|else|try|describe)\b/.test(line) &&
  !/^\s*\}/.test(line);

test("functions have at most 60 lines", () => {
  const long: string[] = [];
  for (const { path, code } of budgeted) {
    const lines = code.split("\n");
    lines.forEach((line, start) => {
      if (!opensFunction(line)) return;
      const indent = line.slice(0, line.search(/\S/));
      let end = start + 1;
      while (end < lines.length && !(lines[end].startsWith(`${indent}}`) && !lines[end].trimEnd().endsWith("{"))) end++;
      if (end < lines.length && end - start + 1 > 60) long.push(`${path}:${start + 1} (${end - start + 1} lines)`);
    });
  }
  expect(long).toEqual([]);
});

test("op.ts and tape.ts together stay within 300 lines", () => {
  const lines = sources.filter((s) => s.path === "tensor/op.ts" || s.path === "autograd/tape.ts").map((s) => s.text.split("\n").length);
  expect(lines.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(300);
});

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
}

const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;

for (const [subpath, entry] of Object.entries(manifest.exports)) {
  if (typeof entry === "string") continue;
  test(`exported names of "${subpath}" are the reviewed ones`, async () => {
    const file = entry.default.replace("./dist/", "").replace(/\.js$/, ".ts");
    const values = Object.keys((await import(join(SRC, file))) as object).sort();
    expect(values).toMatchSnapshot();
  });
}
