import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { detectionsKept, type Prediction } from "../../src/detect/index.ts";
import { collect, type Detections, detectAll, type LoadedModel, loadModel, quantize, type Samples, score } from "../../src/job/index.ts";
import {
  type Agreement,
  annotatedPictures,
  compareWithForeign,
  type Foreign,
  listPictures,
  openInRuntime,
  readAnnotations,
  readPictures,
  writeFileAtomic,
} from "../../src/node/index.ts";
import { emptyPlan, type Plan } from "../../src/quant/index.ts";
import { detectorOf } from "./models.ts";
import type { Row } from "./rows.ts";

/** What a row came to; APs in [0, 1]. */
export interface Measured {
  readonly AP: number;
  readonly AP50: number;
  readonly vocAp50: number;
  /** Share of the float detections on the evaluation pictures kept; 1 for float itself. */
  readonly kept: number;
  readonly macsFraction: number;
  readonly calibrationKept: number;
  readonly gatePassed: boolean;
  readonly agreement?: Agreement & { readonly AP50: number };
  /** Float only: the outputs on the first 8 pictures. */
  readonly first8?: Agreement;
}

/** Photos the float outputs are compared on. */
const PHOTOS = 8;

/** Runs rows on a data folder (INLIERQ_DATA) and keeps one JSON file a row, so that a run can be resumed. */
export class Bench {
  readonly #data: string;
  readonly #cache: string;
  #evaluation: { model: string; samples: Samples } | undefined;

  constructor(data: string, cache: string) {
    this.#data = data;
    this.#cache = cache;
    mkdirSync(cache, { recursive: true });
  }

  /** The stored result of a row. */
  stored({ id }: Row): Measured | undefined {
    const path = join(this.#cache, `${id}.json`);
    return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Measured) : undefined;
  }

  async measure(row: Row): Promise<Measured> {
    const model = this.#load(row);
    const samples = await this.#samples(row.model, model);
    const result = row.method === "float" ? await this.#float(row, model, samples) : await this.#quantized(row, model, samples);
    writeFileAtomic(join(this.#cache, `${row.id}.json`), `${JSON.stringify(result, null, 2)}\n`);
    return result;
  }

  #load({ model }: Row): LoadedModel {
    return loadModel(detectorOf(model).read(this.#data), model);
  }

  async #samples(name: string, model: LoadedModel): Promise<Samples> {
    if (this.#evaluation?.model !== name) {
      const dataset = readAnnotations(join(this.#data, "voc100", "instances_coco.json"));
      const pictures = annotatedPictures(join(this.#data, "voc100", "images"), dataset, model.card.classes);
      this.#evaluation = { model: name, samples: await collect(pictures, dataset.images.length, model) };
    }
    return this.#evaluation.samples;
  }

  async #float(row: Row, model: LoadedModel, samples: Samples): Promise<Measured> {
    const detections = await this.#detectInFloat(row, model, samples);
    const detector = detectorOf(row.model);
    const open = (): Promise<Foreign | undefined> => detector.open(detector.read(this.#data));
    const agreement = await this.#agreement(await open(), model, emptyPlan, samples);
    const foreign = await open();
    const first8 = foreign && (await compareWithForeign(foreign, model, emptyPlan, samples, { count: PHOTOS }));
    return {
      ...numbers(samples, detections, model),
      kept: 1,
      macsFraction: 0,
      calibrationKept: 1,
      gatePassed: true,
      ...(agreement && { agreement }),
      ...(first8 && { first8 }),
    };
  }

  async #quantized(row: Row, model: LoadedModel, samples: Samples): Promise<Measured> {
    const photos = readPictures(listPictures(join(this.#data, "coco-calib64")));
    const { method, scheme, options } = row;
    if (method === "float") throw new Error(`${row.id} has nothing to quantize`);
    const result = await quantize(model.graph, { ...options, samples: photos, method, scheme, name: row.model });
    const detections = await run(model, result.plan, samples);
    const { share } = detectionsKept(await this.#floatDetections(row, model, samples), detections, {
      minScore: model.card.visibleThreshold,
    });
    const agreement = row.agreement ? await this.#agreement(await openInRuntime(result.onnx), model, result.plan, samples) : undefined;
    return {
      ...numbers(samples, detections, model),
      kept: share,
      macsFraction: result.record.macs.fraction,
      calibrationKept: result.record.detections?.keptShare ?? 0,
      gatePassed: result.gate.passed,
      ...(agreement && { agreement }),
    };
  }

  async #agreement(foreign: Foreign | undefined, model: LoadedModel, plan: Plan, samples: Samples): Promise<Measured["agreement"]> {
    if (!foreign) return undefined;
    const runtimeDetections: Prediction[][] = [];
    const agreement = await compareWithForeign(foreign, model, plan, samples, { runtimeDetections });
    return { ...agreement, AP50: numbers(samples, runtimeDetections, model).AP50 };
  }

  async #floatDetections(row: Row, model: LoadedModel, samples: Samples): Promise<Detections> {
    const path = this.#floatFile(row);
    return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Detections) : this.#detectInFloat(row, model, samples);
  }

  /** Finds what the float network does on the evaluation pictures, and keeps it for the rows that are held against it. */
  async #detectInFloat(row: Row, model: LoadedModel, samples: Samples): Promise<Detections> {
    const found = await run(model, emptyPlan, samples);
    writeFileAtomic(this.#floatFile(row), JSON.stringify(found));
    return found;
  }

  #floatFile({ model }: Row): string {
    return join(this.#cache, `${model}.float.detections.json`);
  }
}

const run = (model: LoadedModel, plan: Plan, samples: Samples): Promise<Detections> =>
  detectAll(model, plan, samples, () => Promise.resolve());

function numbers(samples: Samples, detections: Detections, { card }: LoadedModel): Pick<Measured, "AP" | "AP50" | "vocAp50"> {
  const { coco, vocAp50 } = score(samples, detections, card.classes);
  return { AP: coco.AP, AP50: coco.AP50, vocAp50 };
}
