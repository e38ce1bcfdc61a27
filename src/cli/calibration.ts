import { type BareModel, type LoadedModel, loadModel, loadNetwork, type PictureSample, type Sample } from "../job/index.ts";
import {
  checkOutput,
  choosePictures,
  findArrays,
  listPictures,
  type ModelFile,
  type PictureReading,
  readAnnotations,
  readPictures,
  readTensorSamples,
  truthByName,
  UsageError,
} from "../node/index.ts";
import type { Values } from "./command.ts";
import { readJson, textOf } from "./values.ts";

/** Which samples are taken, and by how many threads pictures are decoded. */
export interface Choice {
  readonly count: number;
  readonly seed: number;
  readonly threads: number;
}

/** What a job works on. */
export interface Inputs {
  readonly loaded: LoadedModel | BareModel;
  readonly samples: readonly Sample[];
}

/** The parsed model and its samples. What is wrong is said in this order: model and card, output, samples. */
export async function inputsOf(
  values: Values,
  model: ModelFile,
  names: readonly string[],
  choice: Choice,
  ahead: PictureReading | undefined,
): Promise<Inputs> {
  const cardFile = textOf(values, "card");
  const card = cardFile === undefined ? undefined : readJson(cardFile);
  const out = textOf(values, "out");
  const check = (): void => {
    if (out !== undefined) checkOutput(out, names, values.force === true);
  };
  const arrays = findArrays(textOf(values, "calibrate") as string);
  if (arrays) {
    const loaded = loadNetwork(model, model.name, card);
    check();
    if (values.annotations !== undefined) throw new UsageError("--annotations", "must come with pictures, got arrays to calibrate on");
    return { loaded, samples: readTensorSamples(arrays, loaded.graph, { ...choice, known: Object.keys(loaded.card?.constants ?? {}) }) };
  }
  const loaded = loadModel(model, model.name, card);
  check();
  return { loaded, samples: await samplesOf(values, choice, loaded.card.classes, ahead) };
}

/**
 * Lets other threads decode while this one parses the model. Undefined where the choice depends on annotations, and
 * where the folder is refused: `samplesOf` says why when its turn comes.
 */
export function readAhead(values: Values, { count, seed, threads }: Choice): PictureReading | undefined {
  if (values.annotations !== undefined) return undefined;
  try {
    return readPictures(choosePictures(listPictures(textOf(values, "calibrate") as string), count, seed), { threads });
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

/** The chosen pictures, decoded; with annotations only the annotated ones, each with its boxes. */
async function samplesOf(
  values: Values,
  { count, seed, threads }: Choice,
  classes: readonly string[],
  ahead: PictureReading | undefined,
): Promise<PictureSample[]> {
  const folder = textOf(values, "calibrate") as string;
  const annotations = textOf(values, "annotations");
  const samples: PictureSample[] = [];
  if (annotations === undefined) {
    for await (const sample of ahead ?? readPictures(choosePictures(listPictures(folder), count, seed), { threads })) samples.push(sample);
    return samples;
  }
  const files = listPictures(folder);
  const truth = truthByName(readAnnotations(annotations), classes);
  const annotated = files.filter(({ name }) => truth.has(name));
  if (annotated.length === 0)
    throw new UsageError("--annotations", `${annotations} must list pictures of ${folder}, got none of its ${files.length}`);
  for await (const sample of readPictures(choosePictures(annotated, count, seed), { threads })) {
    samples.push({ ...sample, truth: truth.get(sample.name) ?? [] });
  }
  return samples;
}
