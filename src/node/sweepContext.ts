import { join } from "node:path";
import {
  collect,
  type LoadedModel,
  loadModel,
  measureRun,
  type PictureSample,
  type RunResult,
  type Samples,
  type SweepRun,
} from "../job/index.ts";
import type { StepOptions } from "../quant/index.ts";
import { type KernelPolicy, setKernelPolicy } from "../tensor/index.ts";
import { readAnnotations, truthByName } from "./dataset.ts";
import { type ModelFile, readModel } from "./model.ts";
import { choosePictures, listPictures, type PictureFile, readPicture } from "./pictures.ts";

/** What all runs of a sweep share: plain data, so that a worker can be handed it. */
export interface SweepSetup {
  /** Path of the model. */
  readonly model: string;
  /** Detector card for models no preset matches, as JSON has it. */
  readonly card?: unknown;
  /** Folder of the pictures to calibrate on. */
  readonly calibrate: string;
  /** Folder of the pictures to score on. */
  readonly images: string;
  /** Their boxes, as COCO writes them. */
  readonly annotations: string;
  /** Pictures to calibrate on, at most. */
  readonly samples: number;
  /** Kernels to compute with. */
  readonly kernels: KernelPolicy;
}

/** Bytes of a model's own files. */
export const modelBytes = ({ bytes, parts }: ModelFile): number => [bytes, ...parts.values()].reduce((sum, file) => sum + file.length, 0);

/** What one thread keeps between runs: the parsed model, and every picture it has decoded. */
export class SweepContext {
  readonly #setup: SweepSetup;
  readonly #model: LoadedModel;
  readonly #file: ModelFile;
  readonly #pictures = new Map<string, PictureSample>();
  #evaluation: Promise<Samples> | undefined;

  /** Errors: UsageError and ArgumentError for a model that cannot be read or is refused. */
  constructor(setup: SweepSetup) {
    this.#setup = setup;
    this.#file = readModel(setup.model);
    this.#model = loadModel(this.#file, this.#file.name, setup.card);
  }

  /** Errors: as `measureRun`; UsageError and ArgumentError for pictures that cannot be read. */
  async measure(run: SweepRun, options: StepOptions): Promise<RunResult> {
    const { calibrate, samples, kernels } = this.#setup;
    setKernelPolicy(kernels);
    const seed = run.config?.seed ?? 0;
    const files = run.config ? choosePictures(listPictures(calibrate), samples, seed) : [];
    this.#evaluation ??= this.#annotated();
    const inputs = {
      model: this.#model,
      name: this.#file.name,
      bytes: modelBytes(this.#file),
      evaluation: await this.#evaluation,
      calibration: files.map((file) => this.#picture(file)),
    };
    return measureRun(run, inputs, options);
  }

  #annotated(): Promise<Samples> {
    const { images, annotations } = this.#setup;
    const dataset = readAnnotations(annotations);
    const truth = truthByName(dataset, this.#model.card.classes);
    const files = dataset.images.map(({ fileName }) => ({ name: fileName, path: join(images, fileName) }));
    return collect(
      files.map((file) => ({ ...this.#picture(file), truth: truth.get(file.name) ?? [] })),
      files.length,
      this.#model,
    );
  }

  #picture(file: PictureFile): PictureSample {
    const decoded = this.#pictures.get(file.path) ?? readPicture(file, "sweep");
    this.#pictures.set(file.path, decoded);
    return decoded;
  }
}
