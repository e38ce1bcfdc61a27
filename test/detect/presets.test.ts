import { describe, expect, test } from "vitest";
import {
  type Card,
  cardFor,
  cardTemplate,
  headLayers,
  matchPreset,
  type NetworkView,
  parseCard,
  pictureInputOf,
} from "../../src/detect/index.ts";
import { ArgumentError } from "../../src/errors.ts";
import { cardOf } from "./sampleCards.ts";

type Step = readonly [name: string, inputs: readonly string[], op?: string];

/** A network of nodes that make a tensor of their own name; `conv` nodes are layers. */
function network(input: readonly number[], outputs: Record<string, readonly number[]>, steps: readonly Step[]): NetworkView {
  return {
    inputs: [{ name: "x", shape: input }],
    outputs: Object.entries(outputs).map(([name, shape]) => ({ name, shape })),
    nodes: steps.map(([name, inputs, op = "conv2d"]) => ({
      name,
      op: { name: op },
      inputs: [...inputs, `${name}.weight`],
      outputs: [name],
    })),
    layers: steps.filter(([, , op = "conv2d"]) => op === "conv2d").map(([name, [first]]) => ({ name, input: first, output: name })),
  };
}

/** Two levels, each with a stem, two branches and three predictions, as YOLOX has three. */
const level = (k: string): Step[] => [
  [`stem${k}`, [`feature${k}`]],
  [`act${k}`, [`stem${k}`], "relu"],
  [`cls${k}`, [`act${k}`]],
  [`clsPred${k}`, [`cls${k}`]],
  [`reg${k}`, [`act${k}`]],
  [`regPred${k}`, [`reg${k}`]],
  [`objPred${k}`, [`reg${k}`]],
  [`sigmoid${k}`, [`clsPred${k}`], "sigmoid"],
  [`joined${k}`, [`regPred${k}`, `objPred${k}`, `sigmoid${k}`], "concat"],
];
const yoloxSteps: Step[] = [
  ["feature1", ["x"]],
  ["feature2", ["feature1"]],
  ...level("1"),
  ...level("2"),
  ["out", ["joined1", "joined2"], "concat"],
];
// 416 x 416 at strides 8, 16, 32: 52^2 + 26^2 + 13^2 cells.
const yolox = (): NetworkView => network([1, 3, 416, 416], { out: [1, 3549, 85] }, yoloxSteps);

const fastestdet = (): NetworkView =>
  network([1, 3, 352, 352], { out: [1, 85, 22, 22] }, [
    ["trunk", ["x"]],
    ["obj", ["trunk"]],
    ["cls", ["trunk"]],
    ["out", ["obj", "cls"], "concat"],
  ]);

const centerSteps: Step[] = [
  ["backbone", ["x"]],
  ["neck", ["backbone"]],
  ["hm1", ["neck"]],
  ["hm", ["hm1"]],
  ["heat", ["hm"], "sigmoid"],
  ["wh", ["neck"]],
  ["reg", ["neck"]],
];
const centernet = (heat = "heat"): NetworkView =>
  network([1, 3, 64, 96], { [heat]: [1, 4, 16, 24], wh: [1, 2, 16, 24], reg: [1, 2, 16, 24] }, centerSteps);

describe("matchPreset", () => {
  test("knows YOLOX by its number of anchors", () => {
    const card = matchPreset(yolox()) as Card;
    expect(card).toMatchObject({ format: "yolox", outputs: { predictions: "out" }, input: { width: 416, color: "BGR", fill: 114 } });
    expect(card.classes).toHaveLength(80);
    expect(card.predictions).toEqual(["clsPred1", "regPred1", "objPred1", "clsPred2", "regPred2", "objPred2"]);
    expect(card.head.filter((name) => name.endsWith("1"))).toEqual(["stem1", "cls1", "clsPred1", "reg1", "regPred1", "objPred1"]);
    expect(card.head).not.toContain("feature2");
  });

  test("knows FastestDet by its stride of 16", () => {
    expect(matchPreset(fastestdet())).toMatchObject({
      format: "fastestdet",
      head: ["trunk", "obj", "cls"],
      predictions: ["obj", "cls"],
      input: { resize: "stretch" },
    });
  });

  test("knows CenterNet by three maps of one size, and logits by the missing sigmoid", () => {
    expect(matchPreset(centernet())).toMatchObject({
      format: "centernet",
      outputs: { heatmap: "heat", size: "wh", offset: "reg" },
      heatmap: "probability",
      head: ["hm1", "hm", "wh", "reg"],
      predictions: ["hm", "wh", "reg"],
    });
    expect(matchPreset(centernet("hm"))).toMatchObject({ heatmap: "logit", outputs: { heatmap: "hm" } });
  });

  test("every preset is a valid card", () => {
    const networks: Readonly<Record<Card["format"], NetworkView>> = { yolox: yolox(), fastestdet: fastestdet(), centernet: centernet() };
    for (const [format, view] of Object.entries(networks)) {
      const card = matchPreset(view);
      expect(card?.format).toBe(format);
      expect(parseCard(JSON.parse(JSON.stringify(card)) as unknown)).toEqual(card);
    }
  });

  const gaps = { heatmap: "?", size: "?", offset: "?" };
  test.each<[string, NetworkView, Record<string, unknown>]>([
    ["a classifier", network([1, 3, 64, 64], { out: [1, 1000] }, [["out", ["x"]]]), { outputs: gaps, classes: ["?"] }],
    ["another number of anchors", network([1, 3, 416, 416], { out: [1, 3000, 85] }, yoloxSteps), { outputs: gaps, classes: ["?"] }],
    [
      "no picture",
      network([1, 10], { out: [1, 3549, 85] }, yoloxSteps),
      { outputs: gaps, input: { width: "?", height: "?", layout: "NCHW" } },
    ],
    [
      "maps of two sizes",
      network([1, 3, 64, 96], { heat: [1, 4, 16, 24], wh: [1, 2, 8, 12] }, centerSteps),
      {
        outputs: { heatmap: "heat", size: "wh", offset: "?" },
        heatmap: "probability",
        input: { width: 96, height: 64, layout: "NCHW" },
        predictions: ["hm", "wh"],
      },
    ],
  ])("does not know %s, and guesses a template", (_, view, guessed) => {
    expect(matchPreset(view)).toBeUndefined();
    expect(() => cardFor(view)).toThrow(ArgumentError);
    expect(() => cardFor(view)).toThrow(/must have a class heatmap output that a preset knows, got/);
    const template = cardTemplate(view);
    expect(template).toMatchObject(guessed);
    expect(Object.keys(template).sort()).toEqual(Object.keys(matchPreset(centernet()) as Card).sort());
  });

  test("a template without its gaps is a card", () => {
    const template = cardTemplate(network([1, 3, 64, 96], { heat: [1, 4, 16, 24], wh: [1, 2, 8, 12] }, centerSteps));
    const { format, outputs, classes } = parseCard({ ...template, outputs: { heatmap: "heat", size: "wh" } });
    expect({ format, outputs, classes: classes.length }).toEqual({
      format: "centernet",
      outputs: { heatmap: "heat", size: "wh" },
      classes: 4,
    });
  });
});

test("a given card must name outputs of the network", () => {
  const card = cardOf("centernet", { outputs: { heatmap: "heat", size: "ww" } });
  expect(() => cardFor(centernet(), card)).toThrow('card: outputs.size must name an output of the network, got "ww" (did you mean "wh"?)');
  expect(cardFor(centernet(), cardOf("centernet"))).toEqual(cardOf("centernet"));
});

test("a single prediction is its own head", () => {
  const view = network([1, 3, 8, 8], { out: [1, 4, 8, 8] }, [
    ["body", ["x"]],
    ["out", ["body"]],
  ]);
  expect(headLayers(view, ["out"], "included")).toEqual({ head: ["out"], predictions: ["out"] });
});

describe("several inputs", () => {
  const view: NetworkView = {
    ...centernet(),
    inputs: [
      { name: "scale_factor", shape: [-1, 2] },
      { name: "image", shape: [-1, 3, 64, 96] },
    ],
  };
  const card = matchPreset(centernet()) as Card;

  test("leave it to a card what the others are", () => {
    expect(matchPreset(view)).toBeUndefined();
    expect(cardTemplate(view)).toMatchObject({
      pictureInput: "image",
      constants: { scale_factor: ["?"] },
      input: { width: 96, height: 64 },
    });
    expect(cardFor(view, { ...card, constants: { scale_factor: [1, 1] } }).constants).toEqual({ scale_factor: [1, 1] });
  });

  test("have one that takes the picture", () => {
    expect(pictureInputOf(view)).toBe("image");
    expect(pictureInputOf(view, { pictureInput: "scale_factor" })).toBe("scale_factor");
    expect(pictureInputOf({ ...view, inputs: [view.inputs[0]] })).toBe("scale_factor");
    expect(() => pictureInputOf({ ...view, inputs: [view.inputs[1], { name: "other", shape: [1, 3, 8, 8] }] })).toThrow(
      "card: pictureInput must say which input takes the picture, got image[-1,3,64,96] other[1,3,8,8]",
    );
    expect(cardTemplate({ ...view, inputs: [...view.inputs, { name: "other", shape: [1, 3, 8, 8] }] })).toMatchObject({
      pictureInput: "?",
    });
  });
});
