import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");

export interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly files: readonly string[];
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

export const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;

/** Subpaths that hold code, as in `import "inlierq/tensor"`. */
export const subpaths = Object.keys(manifest.exports).filter((key) => key !== "./package.json");

/** What a package manager would have: the tarball, its files, and a project with the package installed. */
export interface Installed {
  readonly tarball: string;
  /** Paths in the tarball, below `package/`. */
  readonly files: readonly string[];
  /** An ES module project whose node_modules hold the package, its dependencies, the optional ones too, and @types/node. */
  readonly project: string;
  remove(): void;
}

/** Runs a program of the development packages and returns what it prints. Errors: with all it printed when it fails. */
export function run(program: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 28 });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(" ")}: must succeed, printed\n${stdout}${stderr}`);
  }
}

export const bin = (name: string): string => join(ROOT, "node_modules/.bin", name);

/** Builds from the sources as they are, packs, and unpacks into an empty project, without network. */
export function packAndInstall(): Installed {
  const folder = mkdtempSync(join(tmpdir(), "inlierq-package-"));
  const stage = join(folder, "stage");
  for (const name of ["package.json", ...manifest.files.filter((file) => file !== "dist")]) {
    cpSync(join(ROOT, name), join(stage, name), { recursive: true });
  }
  run(bin("tsc"), ["-p", join(ROOT, "tsconfig.build.json"), "--outDir", join(stage, "dist")], ROOT);
  run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], stage);
  const name = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  if (name === undefined) throw new Error(`npm pack: must write a tarball into ${folder}, wrote none`);
  const tarball = join(folder, name);
  const files = run("tar", ["-tzf", tarball], folder).trim().split("\n");
  const project = join(folder, "project");
  cpSync(join(import.meta.dirname, "project"), project, { recursive: true });
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "embedding", private: true, type: "module" }));
  const home = join(project, "node_modules/inlierq");
  mkdirSync(home, { recursive: true });
  run("tar", ["-xzf", tarball, "--strip-components=1", "-C", home], folder);
  for (const dependency of [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies), "@types/node"]) {
    const link = join(project, "node_modules", dependency);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", dependency), link, "junction");
  }
  return {
    tarball,
    files: files.map((path) => path.replace(/^package\//, "")),
    project,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
