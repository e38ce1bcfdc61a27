import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Io } from "../../src/cli/io.ts";
import { main } from "../../src/cli/main.ts";
import { encodePng, scene } from "../../src/data/index.ts";
import { exportOnnx } from "../../src/onnx/index.ts";
import { tinyDetector } from "../quant/tiny.ts";

/** What a command said and how it ended. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command in this process. */
export async function cli(...argv: string[]): Promise<Outcome> {
  const said = { out: "", err: "" };
  const io: Io = {
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    interactive: false,
    env: {},
  };
  const code = await main(argv, io);
  return { code, ...said };
}

/** A folder with a tiny detector, its card and three pictures. */
export interface Workplace {
  readonly root: string;
  readonly model: string;
  readonly card: string;
  readonly photos: string;
  readonly out: string;
  path(name: string): string;
  write(name: string, contents: string | Uint8Array): string;
  clear(): void;
}

export function workplace(): Workplace {
  const root = mkdtempSync(join(tmpdir(), "inlierq-"));
  const path = (name: string): string => join(root, name);
  const write = (name: string, contents: string | Uint8Array): string => {
    writeFileSync(path(name), contents);
    return path(name);
  };
  const { graph, card } = tinyDetector(1);
  const model = write("tiny.onnx", exportOnnx(graph));
  const cardFile = write("card.json", JSON.stringify(card));
  mkdirSync(path("photos"));
  for (let i = 0; i < 3; i++) write(`photos/${i}.png`, encodePng(scene("cli", i, { width: 48, height: 48 }).picture));
  return {
    root,
    model,
    card: cardFile,
    photos: path("photos"),
    out: path("out"),
    path,
    write,
    clear: () => rmSync(root, { recursive: true }),
  };
}
