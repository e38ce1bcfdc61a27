import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { nearest } from "../suggest.ts";
import { UsageError } from "./usageError.ts";

const PREFIX = "npm:";
const FORM = /^npm:((?:@[^/.@][^/]*\/)?[^/.@][^/]*)(?:\/(.*))?$/;
/** Model files listed in an error, at most. */
const LISTED = 8;

/**
 * The path of `npm:PACKAGE/PATH`: a file of a package installed where the command runs, or beside this one. The package is
 * never loaded or executed, so a package whose exports hide the file will do too. Undefined for any other path.
 *
 * Errors: UsageError when the form is wrong, the package is not installed, or the file is not in it.
 */
export function npmFile(path: string): string | undefined {
  if (!path.startsWith(PREFIX)) return undefined;
  const [, name, file = ""] = FORM.exec(path) ?? [];
  if (!name) throw new UsageError(path, `must be npm:PACKAGE/PATH, got no package (example: npm:@vladmandic/human/models/centernet.json)`);
  const folder = packageFolder(name);
  if (folder === undefined) throw new UsageError(path, `package ${name} must be installed, got none (npm install ${name})`);
  const parts = file.split("/");
  if (parts.includes("..") || parts.includes(".")) throw new UsageError(path, `the file must stay in the package, got ${file}`);
  const found = join(folder, ...parts);
  if (file !== "" && existsSync(found) && found.startsWith(folder + sep)) return found;
  const models = modelsIn(folder);
  const guess = nearest(file, models);
  const choice = guess ? `did you mean ${PREFIX}${name}/${guess}?` : `it has ${models.slice(0, LISTED).join(", ") || "none"}`;
  throw new UsageError(path, `must name a file of ${name}, got "${file}" (${choice})`);
}

/** Where a package is installed, seen from the working folder first and from this package then. */
function packageFolder(name: string): string | undefined {
  for (const from of [pathToFileURL(join(process.cwd(), "_")).href, import.meta.url]) {
    const places = createRequire(from).resolve.paths(name) ?? [];
    const place = places.find((folder) => existsSync(join(folder, name)));
    if (place !== undefined) return join(place, name);
  }
  return undefined;
}

/** Models among the files of a package, by path in it. */
function modelsIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => !path.split(sep).includes("node_modules"))
    .filter((path) => path.endsWith(".onnx") || (path.endsWith(".json") && isGraphModel(join(folder, path))))
    .map((path) => path.split(sep).join("/"))
    .sort();
}

const isGraphModel = (file: string): boolean => statSync(file).isFile() && readFileSync(file, "utf8").includes('"weightsManifest"');
