import { detectionsKept, type Heads, type Prediction } from "../detect/index.ts";
import { AbortError, InlierqError } from "../errors.ts";
import type { GraphInput } from "../graph/index.ts";
import type { BareModel, LoadedModel, Samples } from "../job/index.ts";
import { type Plan, tapOf } from "../quant/index.ts";
import { type Data, type DType, Tensor } from "../tensor/index.ts";

/** The part of onnxruntime that is used here; its web and Node builds share it. */
interface Runtime {
  readonly env: { readonly wasm: { numThreads?: number }; logLevel?: string };
  readonly Tensor: new (type: string, data: Data, dims: readonly number[]) => unknown;
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<RuntimeSession> };
}

interface RuntimeSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(
    feeds: Record<string, unknown>,
    options: object,
  ): Promise<Record<string, { readonly data: Float32Array; readonly dims: readonly number[] }>>;
  release(): Promise<void>;
}

/** What the runtime calls our element types. */
const TYPES: Readonly<Record<DType, string>> = { f32: "float32", f64: "float64", i32: "int32", i8: "int8", u8: "uint8" };

/**
 * Only what is fatal is printed: the runtime writes to the descriptors themselves, which fails with EAGAIN where a pipe is
 * full (a file may earn hundreds of warnings); its errors are thrown as well.
 */
const QUIET = { logSeverityLevel: 4 };

/** The runtime could not be loaded, or refused or failed to run a file. */
export class RuntimeError extends InlierqError {}

/** A model file as another runtime runs it. */
export interface Foreign {
  /** Runs the model on one input, or on all inputs by name; shapes as the file says. Errors: RuntimeError in the runtime's own words. */
  run(x: GraphInput): Promise<Heads>;
  /** Frees what the runtime holds. */
  close(): Promise<void>;
}

async function loadRuntime(): Promise<Runtime | undefined> {
  try {
    return (await import("onnxruntime-web")) as unknown as Runtime;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw new RuntimeError("onnxruntime-web", `must load, got ${(error as Error).message.split("\n")[0]}`);
  }
}

/** Whether onnxruntime-web can be loaded. Errors: RuntimeError where it is there and does not load. */
export const runtimeInstalled = async (): Promise<boolean> => (await loadRuntime()) !== undefined;

/**
 * Opens a model in onnxruntime-web, single threaded; undefined where that package is not installed.
 *
 * Errors: RuntimeError with the runtime's own words when it refuses the file.
 */
export async function openInRuntime(model: Uint8Array): Promise<Foreign | undefined> {
  const runtime = await loadRuntime();
  if (!runtime) return undefined;
  runtime.env.wasm.numThreads = 1;
  runtime.env.logLevel = "error";
  const told = <T>(promise: Promise<T>): Promise<T> =>
    promise.catch((error: unknown) => {
      throw new RuntimeError(
        "onnxruntime-web",
        `must run the file, got ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`,
      );
    });
  const session = await told(
    runtime.InferenceSession.create(model, { executionProviders: ["wasm"], graphOptimizationLevel: "all", ...QUIET }),
  );
  return {
    async run(x) {
      const named = x instanceof Tensor ? { [session.inputNames[0]]: x } : x;
      const feeds = Object.entries(named).map(([name, { dtype, data, shape }]) => [name, new runtime.Tensor(TYPES[dtype], data, shape)]);
      const outputs = await told(session.run(Object.fromEntries(feeds), { ...QUIET }));
      return Object.fromEntries(
        session.outputNames.map((name) => {
          const found = Object.hasOwn(outputs, name) ? outputs[name] : undefined;
          if (!found) throw new RuntimeError("onnxruntime-web", `must give every output by its name, got no "${name}"`);
          return [name, new Tensor([...found.dims], "f32", found.data)];
        }),
      );
    },
    close: () => session.release(),
  };
}

/** How closely the runtime's outputs follow ours on the same pictures. */
export interface Agreement {
  /** Lowest cosine over the pictures, by output name. */
  readonly cosine: Readonly<Record<string, number>>;
  /** Mean cosine over the pictures, by output name. */
  readonly meanCosine: Readonly<Record<string, number>>;
  /** Largest |a - b| / max |b| over the pictures, by output name; b is the runtime's. */
  readonly gap: Readonly<Record<string, number>>;
  /** Detections of ours, those the runtime found too, and their share; null where the network has no detector card. */
  readonly detections: { readonly ours: number; readonly matched: number; readonly share: number } | null;
  readonly pictures: number;
}

/** What `compareWithRuntime` takes beside the models. */
export interface AgreementOptions {
  /** Pictures at most. Default: all samples. */
  readonly count?: number;
  /** Called after each picture. */
  readonly after?: (done: number, total: number) => void;
  /** Aborts between pictures. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a file in onnxruntime-web and `model` under `plan` in our engine, on the same samples, and compares outputs and
 * detections (same class, IoU >= 0.5, scores from the card's visible threshold); undefined where the runtime is not
 * installed. `runtimeDetections`, when given, receives the runtime's detections in pixels of each picture.
 *
 * Errors: RuntimeError; AbortError.
 */
export async function compareWithRuntime(
  onnx: Uint8Array,
  model: LoadedModel | BareModel,
  plan: Plan,
  samples: Samples,
  options: RuntimeOptions = {},
): Promise<Agreement | undefined> {
  const foreign = await openInRuntime(onnx);
  return foreign && compareWithForeign(foreign, model, plan, samples, options);
}

/** Options of a comparison; `runtimeDetections`, when given, receives the other runtime's detections. */
type RuntimeOptions = AgreementOptions & { readonly runtimeDetections?: Prediction[][] };

/** As `compareWithRuntime`, with a model that is open in any runtime; it is closed at the end. Errors: the runtime's; AbortError. */
export async function compareWithForeign(
  foreign: Foreign,
  { graph, detector, card }: LoadedModel | BareModel,
  plan: Plan,
  samples: Samples,
  options: RuntimeOptions = {},
): Promise<Agreement> {
  const total = Math.min(options.count ?? Number.POSITIVE_INFINITY, samples.names.length);
  const tap = tapOf(graph, plan);
  const comparison = new Comparison();
  const [ours, theirs]: [Prediction[][], Prediction[][]] = [[], []];
  try {
    for (let i = 0; i < total; i++) {
      if (options.signal?.aborted)
        throw new AbortError("check", `the check must not be aborted, got an abort after picture ${i} of ${total}`);
      const x = samples.input(i);
      const heads = graph.forward(x, tap);
      const runtimeHeads = await foreign.run(x);
      comparison.add(heads, runtimeHeads);
      if (detector) {
        ours.push(detector.decode(heads)[0]);
        theirs.push(detector.decode(runtimeHeads)[0]);
        options.runtimeDetections?.push(samples.toPicture(i, theirs[i]));
      }
      options.after?.(i + 1, total);
    }
  } finally {
    await foreign.close();
  }
  const kept = card && detectionsKept(ours, theirs, { minScore: card.visibleThreshold });
  const { cosine, meanCosine, gap } = comparison;
  return {
    cosine: Object.fromEntries(cosine),
    meanCosine: Object.fromEntries(meanCosine),
    gap: Object.fromEntries(gap),
    detections: kept ? { ours: kept.total, matched: kept.kept, share: kept.share } : null,
    pictures: total,
  };
}

/** Folds pairs of heads into the worst and mean cosine and the worst gap of each output. */
class Comparison {
  readonly cosine = new Map<string, number>();
  readonly meanCosine = new Map<string, number>();
  #count = 0;
  readonly gap = new Map<string, number>();

  add(ours: Heads, theirs: Heads): void {
    this.#count++;
    for (const [name, a] of Object.entries(ours)) {
      const b = Object.hasOwn(theirs, name) ? theirs[name] : undefined;
      if (!b || b.size !== a.size) {
        throw new RuntimeError("compareWithRuntime", `output ${name} must have ${a.size} elements, got ${b ? b.size : "no such output"}`);
      }
      const { cosine, gap } = closeness(a, b);
      this.cosine.set(name, Math.min(this.cosine.get(name) ?? 1, cosine));
      const mean = this.meanCosine.get(name) ?? 0;
      this.meanCosine.set(name, mean + (cosine - mean) / this.#count);
      this.gap.set(name, Math.max(this.gap.get(name) ?? 0, gap));
    }
  }
}

/** Cosine of two tensors, and the largest difference as a share of the largest magnitude of `b`. Shape: both the same shape, any. */
export function closeness(a: Tensor, b: Tensor): { cosine: number; gap: number } {
  let [ab, aa, bb, difference, largest] = [0, 0, 0, 0, 0];
  for (let i = 0; i < a.data.length; i++) {
    const p = a.data[i];
    const q = b.data[i];
    ab += p * q;
    aa += p * p;
    bb += q * q;
    difference = Math.max(difference, Math.abs(p - q));
    largest = Math.max(largest, Math.abs(q));
  }
  const cosine = aa === 0 && bb === 0 ? 1 : aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
  return { cosine, gap: difference === 0 ? 0 : difference / largest };
}
