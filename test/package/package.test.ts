import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { isBuiltin } from "node:module";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { build, type Rollup } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodePng, scenes } from "../../src/data/index.ts";
import { demoModel } from "../../src/node/index.ts";
import { exportOnnx } from "../../src/onnx/index.ts";
import { answerOf, CHROMIUM, hasChromium, inChromium } from "../browser/chromium.ts";
import { bin, type Installed, manifest, packAndInstall, ROOT, run, subpaths } from "./install.ts";

const MAX_BYTES = 2_000_000;
const inBrowsers = subpaths.filter((subpath) => subpath !== "./node");
const nameOf = (subpath: string): string => `inlierq${subpath.slice(1)}`;

let installed: Installed;
const inProject = (...path: string[]): string => join(installed.project, ...path);

/** The TypeScript blocks of the README, as modules of the project. */
const blocks = [...readFileSync(join(ROOT, "README.md"), "utf8").matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code], i) => ({
  ...{ name: `readme${i + 1}`, code },
}));

/** A module that imports every one of `entries` whole, under the name of its subpath. */
const importingAll = (entries: readonly string[]): string =>
  [
    ...entries.map((subpath, i) => `import * as m${i} from "${nameOf(subpath)}";`),
    `export const all: Readonly<Record<string, object>> = { ${entries.map((subpath, i) => `"${subpath}": m${i}`).join(", ")} };`,
  ].join("\n");

beforeAll(() => {
  installed = packAndInstall();
  writeFileSync(inProject("browserSubpaths.ts"), importingAll(inBrowsers));
  writeFileSync(inProject("everySubpath.ts"), importingAll(subpaths));
  for (const { name, code } of blocks) writeFileSync(inProject(`${name}.ts`), code);
}, 120_000);
afterAll(() => installed?.remove());

describe("the tarball", () => {
  test("is small, holds what runs and nothing else, and runs no script on installation", () => {
    expect(statSync(installed.tarball).size).toBeLessThanOrEqual(MAX_BYTES);
    const expected = /^(dist\/.+\.(js|d\.ts)|bin\/inlierq\.js|models\/demo\.safetensors|README\.md|LICENSE|CHANGELOG\.md|package\.json)$/;
    expect(installed.files.filter((path) => !expected.test(path))).toEqual([]);
    expect(installed.files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "bin/inlierq.js", "models/demo.safetensors"]));
    expect(Object.keys(manifest.scripts).filter((name) => /^(pre|post)?install$/.test(name))).toEqual([]);
  });

  test("is in order for publint, and its types for attw", () => {
    expect(run(bin("publint"), ["run", installed.tarball, "--strict"], ROOT)).toContain("All good!");
    run(bin("attw"), [installed.tarball, "--profile", "esm-only"], ROOT);
  });

  test("has an entry and its types for every subpath", () => {
    for (const subpath of subpaths) {
      const entry = manifest.exports[subpath] as Readonly<Record<string, string>>;
      expect(Object.keys(entry)).toEqual(["types", "default"]);
      for (const path of Object.values(entry)) expect(installed.files).toContain(path.replace("./", ""));
    }
  });
});

/** Strict, and declaration files are checked too, those of the dependencies included. */
function compile(moduleResolution: "node16" | "bundler"): void {
  const module = moduleResolution === "bundler" ? "esnext" : "node16";
  const emit = moduleResolution === "bundler" ? { noEmit: true } : { outDir: "built" };
  const compilerOptions = { target: "es2022", module, moduleResolution, strict: true, skipLibCheck: false, types: ["node"], ...emit };
  writeFileSync(inProject("tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  run(bin("tsc"), ["-p", "tsconfig.json"], installed.project);
}

let emitted = false;

/** Compiles the project to `built`, once. */
function emit(): void {
  if (!emitted) compile("node16");
  emitted = true;
}

describe("an empty TypeScript project with the package installed", () => {
  test("compiles every subpath and every block of the README under bundler and node16 resolution", () => {
    compile("bundler");
    emit();
    expect(blocks.length).toBeGreaterThan(0);
  }, 120_000);

  test("compiles every subpath but inlierq/node without the types of Node", () => {
    const compilerOptions = { target: "es2022", module: "esnext", moduleResolution: "bundler", strict: true, types: [], noEmit: true };
    writeFileSync(
      inProject("tsconfig.browser.json"),
      JSON.stringify({ compilerOptions, files: ["browserSubpaths.ts", "quantizeInPage.ts"] }),
    );
    run(bin("tsc"), ["-p", "tsconfig.browser.json"], installed.project);
  });

  test("runs the README's blocks on a detector and pictures of its own", () => {
    emit();
    mkdirSync(inProject("pictures"), { recursive: true });
    for (const [i, { picture }] of Array.from(scenes("readme", 4)).entries()) {
      writeFileSync(inProject("pictures", `${i}.png`), encodePng(picture));
    }
    writeFileSync(inProject("detector.onnx"), exportOnnx(demoModel().graph));
    for (const { name } of blocks) expect(run(process.execPath, [join("built", `${name}.js`)], installed.project)).not.toBe("");
    expect(statSync(inProject("detector.w8a8.onnx")).size).toBeGreaterThan(10_000);
  }, 120_000);
});

/** The page of the project, bundled for browsers into `site`. */
async function bundle(): Promise<readonly Rollup.OutputChunk[]> {
  const output = (await build({
    root: installed.project,
    configFile: false,
    logLevel: "error",
    build: { outDir: "site", emptyOutDir: true, minify: false, target: "es2022" },
  })) as Rollup.RollupOutput;
  return output.output.filter((part) => part.type === "chunk");
}

const MEDIA: Readonly<Record<string, string>> = { ".js": "text/javascript", ".html": "text/html" };

/** Answers with a file of the bundle. */
function serveSite({ url = "/" }: IncomingMessage, response: ServerResponse): void {
  const path = inProject("site", url === "/" ? "index.html" : decodeURIComponent(url.slice(1)));
  if (!existsSync(path)) response.writeHead(404).end();
  else response.setHeader("Content-Type", MEDIA[extname(path)] ?? "application/octet-stream").end(readFileSync(path));
}

describe("a bundle for browsers", () => {
  let chunks: readonly Rollup.OutputChunk[];
  beforeAll(async () => {
    chunks = await bundle();
    cpSync(join(ROOT, "models/demo.safetensors"), inProject("site/demo.safetensors"));
  }, 120_000);

  test("of every subpath but inlierq/node needs no module of Node", () => {
    const modules = chunks.flatMap((chunk) => chunk.moduleIds);
    for (const subpath of inBrowsers) {
      const entry = manifest.exports[subpath] as Readonly<Record<string, string>>;
      expect(modules).toContainEqual(expect.stringContaining(`inlierq/${entry.default.replace("./", "")}`));
    }
    // Without a name behind it, this is the empty module for what a package's own `browser` field leaves out.
    const builtins = modules.filter((id) => id.includes("__vite-browser-external:") || isBuiltin(id));
    expect(builtins).toEqual([]);
    for (const { code, imports, dynamicImports } of chunks) {
      expect([...imports, ...dynamicImports].filter((name) => !chunks.some((chunk) => chunk.fileName === name))).toEqual([]);
      const named = [...code.matchAll(/\b(?:from|import|require)\s*\(?\s*["'`]([^"'`]+)["'`]/g)].map(([, name]) => name);
      expect(named.filter((name) => isBuiltin(name))).toEqual([]);
      // The module names that a bundle left to the runtime would keep as text.
      const kept = [...code.matchAll(/(["'`])(node:[\w/]+)\1/g)].map(([, , name]) => name);
      expect(kept.filter((name) => isBuiltin(name))).toEqual([]);
    }
  });

  if (!hasChromium) console.log(`skipped: no Chromium at ${CHROMIUM}, so no page quantizes the demo detector`);
  test.skipIf(!hasChromium)(
    "quantizes the demo detector in Chromium to the bytes and the record of Node (needs Chromium)",
    async () => {
      emit();
      const inNode = JSON.parse(run(process.execPath, [join("built", "quantizeInNode.js")], installed.project)) as Readonly<
        Record<string, string>
      >;
      const answer = answerOf("quantizeInPage.ts");
      const server = createServer((request, response) => {
        if (request.url === "/result") answer.take(request, response);
        else serveSite(request, response);
      });
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      try {
        const { names, ...inPage } = (await inChromium(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, answer.value)) as {
          readonly names: Readonly<Record<string, number>>;
          readonly [part: string]: unknown;
        };
        // Megabytes that differ are told apart here, not printed.
        const same = Object.entries(inNode).map(([part, text]) => [part, text.length > 1000 && inPage[part] === text]);
        expect(same, String(inPage.error)).toEqual([
          ["onnx", true],
          ["record", true],
        ]);
        expect(Object.keys(names).sort()).toEqual([...inBrowsers].sort());
      } finally {
        server.close();
      }
    },
    120_000,
  );
});
