import { basename, dirname, join } from "node:path";
import { loadModel } from "../../src/job/index.ts";
import { type Foreign, type ModelFile, openInRuntime, readModel } from "../../src/node/index.ts";
import { openInTfjs } from "./tfjsRuntime.ts";

/** A detector of the results. */
export interface Detector {
  readonly name: string;
  readonly schemes: readonly string[];
  /** Variants of InlierQ beside the methods. */
  readonly variants: boolean;
  /** What the float model is compared with. */
  readonly runtime: "onnxruntime-web" | "tfjs";
  read(data: string): ModelFile;
  open(file: ModelFile): Promise<Foreign | undefined>;
}

const onnx = (name: string): Detector => ({
  name,
  schemes: ["W8A8", "W6A6", "W4A8", "W4A4"],
  variants: true,
  runtime: "onnxruntime-web",
  read: (data) => readModel(join(data, "models", `${name}.onnx`)),
  open: ({ bytes }) => openInRuntime(bytes),
});

const tfjs = (name: string, path: string): Detector => ({
  name,
  schemes: ["W8A8"],
  variants: false,
  runtime: "tfjs",
  read: () => readModel(path),
  open: (file) => openInTfjs(file, loadModel(file, file.name).graph),
});

/** Every detector of the results, in the order of the page. */
export const DETECTORS: readonly Detector[] = [
  onnx("yolox-nano-416"),
  onnx("fastestdet-352"),
  tfjs("centernet-mobilenetv3-512", "npm:@vladmandic/human/models/centernet.json"),
];

export const detectorOf = (name: string): Detector => DETECTORS.find((d) => d.name === name) ?? missing(name);

function missing(name: string): never {
  throw new Error(`no detector of the results is called ${name} (see ${join(basename(dirname(import.meta.url)), "models.ts")})`);
}
