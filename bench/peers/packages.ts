import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../machine.ts";

/** Packages from npm that are measured beside us; installed on demand, no dependencies of ours. */
export const PACKAGES = {
  "@jax-js/jax": "0.1.25",
  "@tensorflow/tfjs": "4.22.0",
  "@tensorflow/tfjs-backend-wasm": "4.22.0",
  "onnxruntime-web": "1.30.0",
} as const;

/** Where they are installed: below out, which git ignores. */
const FOLDER = join(ROOT, "out/peers");
/** Imports by name from the folder it lies in. */
const LOADER = "export const load = (name) => import(name);\n";

/** Installs what is missing; the reason where that fails. */
export function installPackages(): string | undefined {
  const manifest = `${JSON.stringify({ private: true, type: "module", dependencies: PACKAGES }, null, 2)}\n`;
  const file = join(FOLDER, "package.json");
  const done = join(FOLDER, "installed.json");
  if (existsSync(done) && readFileSync(done, "utf8") === manifest) return undefined;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file, manifest);
  writeFileSync(join(FOLDER, "load.mjs"), LOADER);
  console.log("installing the peers into out/peers");
  try {
    execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: FOLDER, stdio: "pipe", encoding: "utf8" });
  } catch (error) {
    return `npm install failed (${(error as { stderr?: string }).stderr?.trim().split("\n")[0] ?? String(error)})`;
  }
  writeFileSync(done, manifest);
  return undefined;
}

/** A package of the list. */
export async function loadPackage<T>(name: keyof typeof PACKAGES): Promise<T> {
  const { load } = (await import(pathToFileURL(join(FOLDER, "load.mjs")).href)) as { load(name: string): Promise<T> };
  return load(name);
}
