import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { UsageError } from "../../src/node/index.ts";
import { npmFile } from "../../src/node/npmFile.ts";
import { cli } from "../cli/bench.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "inlierq-npm-")));
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true });
});

/** Puts a file in the temporary folder. */
function put(path: string, contents: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, contents);
  return file;
}

/** The start of a tfjs model, as far as the list of models looks. */
const MODEL = '{"format":"graph-model","weightsManifest":[]}';
const ran = join(root, "ran.txt");

/** A package that hides everything and must never run: loading it leaves a file and throws. */
function hiding(name: string): void {
  const code = `require("node:fs").writeFileSync(${JSON.stringify(ran)}, "ran"); throw new Error("executed");`;
  put(`node_modules/${name}/package.json`, JSON.stringify({ name, version: "1.0.0", main: "index.js", exports: {} }));
  put(`node_modules/${name}/index.js`, code);
}

hiding("sealed");
hiding("@some.one/sealed-too");
hiding("empty");
const model = put("node_modules/sealed/models/detector.json", MODEL);
const network = put("node_modules/sealed/models/deep/other.onnx", "onnx");
const scoped = put("node_modules/@some.one/sealed-too/model.json", MODEL);
put("node_modules/sealed/tsconfig.json", "{}");
put("node_modules/sealed/node_modules/inner/hidden.onnx", "onnx");
put("node_modules/secret.json", MODEL);
mkdirSync(join(root, "work/here"), { recursive: true });

beforeEach(() => {
  vi.spyOn(process, "cwd").mockReturnValue(root);
});

const refusal = (path: string): string => {
  try {
    npmFile(path);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
  throw new Error(`${path} must be refused`);
};

describe("npm:PACKAGE/PATH", () => {
  it("leaves every other path alone", () => {
    for (const path of ["model.json", "./npm:sealed/a", "/npm:x", "https://x/y.json", "NPM:sealed/a", ""])
      expect(npmFile(path)).toBeUndefined();
  });

  it("finds files that a package's exports hide", () => {
    expect(npmFile("npm:sealed/models/detector.json")).toBe(model);
    expect(npmFile("npm:sealed/models/deep/other.onnx")).toBe(network);
  });

  it("finds scoped packages, and packages of folders above", () => {
    expect(npmFile("npm:@some.one/sealed-too/model.json")).toBe(scoped);
    vi.spyOn(process, "cwd").mockReturnValue(join(root, "work/here"));
    expect(npmFile("npm:sealed/models/detector.json")).toBe(model);
  });

  it("takes the package of the nearest folder, and else the one beside this package", () => {
    const nearer = put("work/node_modules/sealed/models/detector.json", MODEL);
    vi.spyOn(process, "cwd").mockReturnValue(join(root, "work/here"));
    expect(npmFile("npm:sealed/models/detector.json")).toBe(nearer);
    expect(npmFile("npm:zod/package.json")).toMatch(/node_modules[\\/]zod[\\/]package\.json$/);
  });

  it("says how to install a package that is missing", () => {
    expect(refusal("npm:not-installed-here/a.json")).toBe(
      "npm:not-installed-here/a.json: package not-installed-here must be installed, got none (npm install not-installed-here)",
    );
    expect(refusal("npm:@some.one/none/a.json")).toMatch(/package @some\.one\/none must be installed/);
  });

  it("suggests the nearest model for a file that is missing", () => {
    expect(refusal("npm:sealed/models/detectr.json")).toBe(
      'npm:sealed/models/detectr.json: must name a file of sealed, got "models/detectr.json" (did you mean npm:sealed/models/detector.json?)',
    );
  });

  it("lists the models where none is near: no other JSON, nothing of packages inside", () => {
    expect(refusal("npm:sealed/x")).toMatch(/got "x" \(it has models\/deep\/other\.onnx, models\/detector\.json\)$/);
    expect(refusal("npm:empty/x")).toMatch(/got "x" \(it has none\)$/);
  });

  it.each(["npm:sealed", "npm:sealed/"])("lists the models where no path is given (%s)", (path) => {
    expect(refusal(path)).toMatch(/must name a file of sealed, got "" \(it has models\/deep\/other\.onnx, models\/detector\.json\)$/);
  });

  it.each(["npm:", "npm:/a.json", "npm:@some.one", "npm:../secret.json", "npm:./a", "npm:@../sealed/a"])(
    "refuses %s: no package",
    (path) => {
      expect(refusal(path)).toMatch(/must be npm:PACKAGE\/PATH, got no package \(example: npm:/);
    },
  );

  it.each(["npm:sealed/../secret.json", "npm:sealed/models/../models/detector.json", "npm:sealed/./models/detector.json"])(
    "refuses %s: out of the package",
    (path) => {
      expect(refusal(path)).toMatch(/the file must stay in the package, got /);
    },
  );

  it("says so where the model is a folder", async () => {
    const { code, out, err } = await cli("inspect", "npm:sealed/models");
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/npm:sealed\/models|sealed.models/);
    expect(err.trimEnd()).not.toMatch(/\n/);
  });

  it("never executes a package", async () => {
    npmFile("npm:sealed/models/detector.json");
    refusal("npm:sealed/none");
    refusal("npm:empty");
    await cli("inspect", "npm:@some.one/sealed-too/model.json");
    expect(existsSync(ran)).toBe(false);
  });
});

const human = join(import.meta.dirname, "../../node_modules/@vladmandic/human/models");

describe.skipIf(!existsSync(human))("inlierq inspect npm:@vladmandic/human (skipped where the package is not installed)", () => {
  it("describes a model of the package, with its shard beside it", async () => {
    const { code, out, err } = await cli("inspect", "npm:@vladmandic/human/models/blazeface.json");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/blazeface/);
    expect(out).toMatch(/256/);
  });

  it("refuses a model that is not there in one line with the nearest one", async () => {
    const { code, out, err } = await cli("inspect", "npm:@vladmandic/human/models/blazefac.json");
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/did you mean npm:@vladmandic\/human\/models\/blazeface\.json\?\)\n$/);
    expect(err.trimEnd()).not.toMatch(/\n/);
  });
});
