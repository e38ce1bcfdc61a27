import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One case of the list: a folder with `model.onnx` and its tensors. */
export interface BackendCase {
  /** "<suite>/<case>" below the data folder. */
  readonly case: string;
  readonly tier: "core" | "extra";
}

/** A tensor file of a case, undecoded. */
interface CaseFiles {
  readonly model: Uint8Array;
  readonly inputs: readonly Uint8Array[];
  readonly outputs: readonly Uint8Array[];
}

/** What to do where the cases are missing. */
export const HOW_TO_INSTALL =
  "the ONNX backend cases are not installed (Debian package libonnx-testdata: apt-get install -y libonnx-testdata)";

const LIST = join(import.meta.dirname, "../../test/golden/onnx-backend/list.json");

/** The cases we run, in the order of the list. */
export const listCases = (): readonly BackendCase[] =>
  (JSON.parse(readFileSync(LIST, "utf8")) as { readonly cases: readonly BackendCase[] }).cases;

/** The data folder of the package; undefined where it, or dpkg, is not installed. */
export function findCases(): string | undefined {
  let files: string;
  try {
    files = execFileSync("dpkg", ["-L", "libonnx-testdata"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch (cause) {
    // dpkg is missing on other systems and fails for a package that is not installed.
    if (cause instanceof Error) return undefined;
    throw cause;
  }
  return files.split("\n").find((path) => path.endsWith("/data") && existsSync(join(path, "node")));
}

/** The bytes of a case, of its first data set. */
export function readCase(root: string, name: string): CaseFiles {
  const set = join(root, name, "test_data_set_0");
  const numbered = (kind: string): Uint8Array[] =>
    Array.from({ length: readdirSync(set).filter((file) => file.startsWith(`${kind}_`)).length }, (_, i) =>
      readFileSync(join(set, `${kind}_${i}.pb`)),
    );
  return { model: readFileSync(join(root, name, "model.onnx")), inputs: numbered("input"), outputs: numbered("output") };
}
