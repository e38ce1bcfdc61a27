import { type EvaluateResult, evaluate, loadModel } from "../job/index.ts";
import { annotatedPictures, readAnnotations, readModel } from "../node/index.ts";
import { type Command, KERNELS, THREADS } from "./command.ts";
import { EXIT } from "./io.ts";
import { progressView } from "./progress.ts";
import { columns, jsonText, points } from "./text.ts";
import { readJson, textOf } from "./values.ts";

/** `inlierq eval`: the COCO numbers and VOC AP50 of float files and quantized exports, run by our engine. */
export const evalCommand: Command = {
  name: "eval",
  about: "score models on annotated pictures: the 12 COCO numbers and Pascal VOC AP50",
  operands: ["MODEL..."],
  flags: {
    images: { type: "string", value: "DIR", about: "folder of the pictures", required: true },
    annotations: { type: "string", value: "FILE", about: "COCO annotation file (instances)", required: true },
    card: { type: "string", value: "FILE", about: "detector card for models no preset matches" },
    threads: THREADS,
    kernels: KERNELS,
    json: { type: "boolean", about: "print JSON; progress as JSON lines on stderr" },
  },
  examples: ["inlierq eval yolox-nano.onnx out/yolox-nano.w8a8.onnx --images photos --annotations coco.json"],
  async run({ operands, values, threads, io, signal }) {
    const json = values.json === true;
    const cardFile = textOf(values, "card");
    const card = cardFile === undefined ? undefined : readJson(cardFile);
    const dataset = readAnnotations(textOf(values, "annotations") as string);
    const models = operands.map((path) => ({ path, ...readModel(path) }));
    const loaded = models.map((model) => loadModel(model, model.name, card));
    const view = progressView(io, json);
    const results: EvaluateResult[] = [];
    for (const [i, { graph, card: found }] of loaded.entries()) {
      const samples = annotatedPictures(textOf(values, "images") as string, dataset, found.classes, { threads });
      const share = (fraction: number): number => (i + fraction) / models.length;
      const onProgress = (p: Parameters<typeof view.report>[0]): void => view.report({ ...p, fraction: share(p.fraction) });
      results.push(await evaluate(graph, { samples, card: found, name: models[i].name, signal, onProgress }).finally(view.end));
    }
    const named = results.map(({ coco, vocAp50 }, i) => ({ model: models[i].path, ...coco, vocAp50 }));
    io.out(json ? jsonText(named) : `${scoreTable(named)}\n`);
    return EXIT.done;
  },
};

type Row = { readonly model: string } & Readonly<Record<string, number | string>>;

/** One column a model, one row a number, in points. */
function scoreTable(rows: readonly Row[]): string {
  const keys = Object.keys(rows[0]).filter((k) => k !== "model");
  const names = rows.map((r) => r.model.split(/[/\\]/).at(-1) ?? r.model);
  return columns([["", ...names], ...keys.map((key) => [key, ...rows.map((r) => points(r[key] as number))])]);
}
