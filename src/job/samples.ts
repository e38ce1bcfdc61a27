import { fitToInput, type Picture, type Prepared, prepare } from "../data/index.ts";
import { type Card, cardFor, type GroundTruth, type Prediction, pictureInputOf } from "../detect/index.ts";
import { ArgumentError, InlierqError } from "../errors.ts";
import { type Graph, type GraphInput, inputTensors, type Port } from "../graph/index.ts";
import type { SampleSource } from "../quant/index.ts";
import { allocate, Tensor } from "../tensor/index.ts";

/** One picture, with what is on it where that is known. */
export interface PictureSample {
  /** Shown in reports and errors. */
  readonly name: string;
  readonly picture: Picture;
  /** Values of the network's other inputs, by name; they win over the card's constants. */
  readonly tensors?: Readonly<Record<string, Tensor>>;
  /** Boxes in pixels of the picture. */
  readonly truth?: readonly GroundTruth[];
}

/** Network inputs as they are: no resize, mean or standard deviation is applied. */
export interface TensorSample {
  /** Shown in reports and errors. */
  readonly name: string;
  /** A batch of one: the tensor of the only input, or tensors by input name; the card's constants fill in what is missing. */
  readonly tensors: GraphInput;
  readonly picture?: undefined;
  /** Boxes in pixels of the network input. */
  readonly truth?: readonly GroundTruth[];
}

/** What a job is calibrated or evaluated on: a picture that the card prepares, or finished tensors. */
export type Sample = PictureSample | TensorSample;

/** Samples of finished tensors, called "sample 1" and so on, where nothing better names them. */
export async function* tensorSamples(inputs: Iterable<GraphInput> | AsyncIterable<GraphInput>): AsyncGenerator<TensorSample> {
  let count = 0;
  for await (const tensors of inputs) yield { name: `sample ${++count}`, tensors };
}

/** Bytes of fitted pictures that are kept: every stage of a job reads all samples again. */
const KEPT = 32 * 2 ** 20;

/** A network, and the card that says how pictures become its input where there is one. */
interface Reader {
  readonly graph: Graph;
  readonly card?: Card | undefined;
}

/**
 * Collected samples; pictures and given tensors are kept, network inputs are made on demand.
 *
 * Errors: ArgumentError for a picture without a card, and for tensors that do not fit the network, naming the sample.
 */
export class Samples implements SampleSource {
  readonly names: readonly string[];
  readonly list: readonly Sample[];
  readonly #model: Reader;
  readonly #constants: ReadonlyMap<string, Tensor>;
  readonly #maps: Prepared["toPicture"][] = [];
  readonly #fitted = new Map<number, Picture>();
  #kept = 0;

  constructor(list: readonly Sample[], model: Reader) {
    this.list = list;
    this.names = list.map((s) => s.name);
    this.#model = model;
    this.#constants = constantsOf(model);
    if (list.some((s) => s.picture)) cardFor(model.graph, model.card);
    for (const sample of list) if (!sample.picture) requireFit(model.graph, sample, this.#given(sample.tensors));
  }

  /** The network input of one sample. */
  input(index: number): GraphInput {
    const sample = this.list[index];
    if (!sample.picture) return this.#given(sample.tensors);
    const { x, toPicture } = this.#prepared(index, sample.picture);
    this.#maps[index] ??= toPicture;
    const { graph, card } = this.#model;
    if (graph.inputs.length === 1) return x;
    const all = { ...Object.fromEntries(this.#constants), ...sample.tensors, [pictureInputOf(graph, card)]: x };
    requireFit(graph, sample, all);
    return all;
  }

  #given(tensors: GraphInput): GraphInput {
    return tensors instanceof Tensor ? tensors : { ...Object.fromEntries(this.#constants), ...tensors };
  }

  #prepared(index: number, picture: Picture): Prepared {
    const { input } = cardFor(this.#model.graph, this.#model.card);
    const fitted = this.#fitted.get(index) ?? fitToInput(picture, input);
    if (!this.#fitted.has(index) && this.#kept + fitted.data.length <= KEPT) {
      this.#fitted.set(index, fitted);
      this.#kept += fitted.data.length;
    }
    return prepare(picture, fitted, input);
  }

  /** Detections of one sample moved from pixels of the network input to pixels of the picture, where it has one. */
  toPicture(index: number, predictions: readonly Prediction[]): Prediction[] {
    const { picture } = this.list[index];
    if (!picture) return [...predictions];
    this.#maps[index] ??= this.#prepared(index, picture).toPicture;
    const move = this.#maps[index];
    return predictions.map((p) => ({ ...p, box: move(p.box) }));
  }
}

/** The card's constants as tensors of their inputs, a batch of one. */
function constantsOf({ graph, card }: Reader): Map<string, Tensor> {
  return new Map(Object.entries(card?.constants ?? {}).map(([name, values]) => [name, constant(graph.inputs, name, values)]));
}

function constant(inputs: readonly Port[], name: string, values: readonly number[]): Tensor {
  const port = inputs.find((p) => p.name === name);
  if (!port) throw new ArgumentError("card", `constants must name inputs of the network, got "${name}"`);
  const data = allocate(port.dtype, values.length);
  data.set(values);
  return new Tensor(
    port.shape.map((d) => (d === -1 ? 1 : d)),
    port.dtype,
    data,
  );
}

/** Says which sample does not fit, and why. */
function requireFit(graph: Graph, { name }: Sample, x: GraphInput): void {
  const refuse = (problem: string): ArgumentError => new ArgumentError("samples", `${name} must fit the network, got ${problem}`);
  let tensors: Tensor[];
  try {
    tensors = inputTensors(graph, x);
  } catch (cause) {
    if (!(cause instanceof InlierqError)) throw cause;
    throw refuse(cause.message.slice(cause.op.length + 2));
  }
  const free = graph.inputs.findIndex(({ shape }) => shape[0] === -1);
  if (free >= 0 && tensors[free].shape[0] !== 1) throw refuse(`a batch of ${tensors[free].shape[0]} where one sample is a batch of 1`);
}

/**
 * Takes at most `count` samples from any iterable.
 *
 * Errors: ArgumentError when there is none; as `Samples`.
 */
export async function collect(source: Iterable<Sample> | AsyncIterable<Sample>, count: number, model: Reader): Promise<Samples> {
  const list: Sample[] = [];
  for await (const sample of source) {
    list.push(sample);
    if (list.length >= count) break;
  }
  if (list.length === 0) throw new ArgumentError("samples", "needs at least 1 sample, got 0");
  return new Samples(list, model);
}
