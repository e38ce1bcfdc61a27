import { describe, expect, test } from "vitest";
import * as formats from "../../src/detect/formats/index.ts";
import {
  CARD_FORMATS,
  type Card,
  candidateTensors,
  cardFor,
  cardTemplate,
  gapsOf,
  headLayers,
  matchPreset,
  type NetworkView,
  parseCard,
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

/** Each level has a stem of its own and, per role, a branch of two layers. */
const yunet = (): NetworkView => {
  const roles = { cls: 1, obj: 1, bbox: 4, kps: 10 };
  const outputs: Record<string, number[]> = {};
  const steps: Step[] = [["body", ["x"]]];
  for (const s of [8, 16, 32]) {
    steps.push([`stem${s}`, [s === 8 ? "body" : `stem${s / 2}`]]);
    for (const [role, channels] of Object.entries(roles)) {
      steps.push([`${role}A${s}`, [`stem${s}`]], [`${role}B${s}`, [`${role}A${s}`]], [`${role}_${s}`, [`${role}B${s}`], "reshape"]);
      outputs[`${role}_${s}`] = [1, (320 / s) * (160 / s), channels];
    }
  }
  return network([1, 3, 160, 320], outputs, steps);
};

// 320 x 240 at strides 8, 16, 32, 64 with 3, 2, 2 and 3 anchors a cell.
const ultraface = (): NetworkView =>
  network([1, 3, 240, 320], { boxes: [1, 4420, 4], scores: [1, 4420, 2] }, [
    ["body", ["x"]],
    ["cls1", ["body"]],
    ["box1", ["body"]],
    ["deep", ["body"]],
    ["clsA2", ["deep"]],
    ["clsB2", ["clsA2"]],
    ["box2", ["deep"]],
    ["logits", ["cls1", "clsB2"], "concat"],
    ["scores", ["logits"], "softmax"],
    ["boxes", ["box1", "box2"], "concat"],
  ]);

const dbnet = (last = "convTranspose2d"): NetworkView => {
  const view = network([1, 3, 64, 96], { heat: [1, 1, 64, 96] }, [
    ["body", ["x"]],
    ["up1", ["body"]],
    ["up2", ["up1"]],
    ["heat", ["up2"], "sigmoid"],
  ]);
  const nodes = view.nodes.map((n) => (n.name === "up1" || n.name === "up2" ? { ...n, op: { name: last } } : n));
  return { ...view, nodes };
};

/** A network of each format. */
const NETWORKS: Readonly<Record<Card["format"], () => NetworkView>> = { yolox, fastestdet, centernet, yunet, ultraface, dbnet };

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

  test("knows YuNet by the outputs of its three strides; the points of a face belong to the head", () => {
    const card = matchPreset(yunet()) as Card;
    expect(card).toMatchObject({
      format: "yunet",
      classes: ["face"],
      outputs: { cls8: "cls_8", obj16: "obj_16", box32: "bbox_32" },
      input: { width: 320, height: 160, color: "BGR", resize: "letterbox" },
    });
    expect(card.predictions).toHaveLength(12);
    expect(card.head.filter((name) => name.endsWith("16"))).toEqual(
      ["cls", "obj", "bbox", "kps"].flatMap((role) => [`${role}A16`, `${role}B16`]),
    );
  });

  test("knows UltraFace by its anchors; its head is what leads to one prediction alone", () => {
    expect(matchPreset(ultraface())).toMatchObject({
      format: "ultraface",
      outputs: { scores: "scores", boxes: "boxes" },
      input: { width: 320, height: 240, resize: "stretch", mean: [127, 127, 127] },
      head: ["cls1", "box1", "clsA2", "clsB2", "box2"],
      predictions: ["cls1", "box1", "clsB2", "box2"],
    });
  });

  test("knows DBNet by its map as large as the picture after two transposed convolutions", () => {
    expect(matchPreset(dbnet())).toMatchObject({
      format: "dbnet",
      outputs: { heatmap: "heat" },
      classes: ["text"],
      input: { width: 96, height: 64 },
      head: ["up2"],
    });
    expect(matchPreset(dbnet("conv2d"))).toBeUndefined();
  });

  describe.each(CARD_FORMATS)("a network of %s", (format) => {
    const view = NETWORKS[format]();

    test("gets a valid card from its preset", () => {
      const card = matchPreset(view);
      expect(card?.format).toBe(format);
      expect(parseCard(JSON.parse(JSON.stringify(card)) as unknown)).toEqual(card);
    });

    test("is known to no other preset", () => {
      const others = Object.values(formats).filter((f) => f.name !== format);
      expect(others.filter((f) => f.preset(view) !== undefined).map((f) => f.name)).toEqual([]);
    });
  });

  const gap = expect.stringMatching(/^\? ./) as unknown;
  const gaps = { heatmap: gap, size: gap, offset: gap };
  test.each<[string, NetworkView, Record<string, unknown>]>([
    ["a classifier", network([1, 3, 64, 64], { out: [1, 1000] }, [["out", ["x"]]]), { format: gap, outputs: gaps, classes: [gap] }],
    ["another number of anchors", network([1, 3, 416, 416], { out: [1, 3000, 85] }, yoloxSteps), { outputs: gaps, classes: [gap] }],
    [
      "no picture",
      network([1, 10], { out: [1, 3549, 85] }, yoloxSteps),
      { outputs: gaps, input: { width: gap, height: gap, layout: gap, color: gap } },
    ],
    [
      "maps of two sizes",
      network([1, 3, 64, 96], { heat: [1, 4, 16, 24], wh: [1, 2, 8, 12] }, centerSteps),
      {
        format: "centernet",
        outputs: { heatmap: "heat", size: "wh", offset: gap },
        heatmap: "probability",
        input: { width: 96, height: 64, layout: "NCHW", color: gap, mean: gap },
        predictions: ["hm", "wh"],
      },
    ],
  ])("does not know %s, and guesses a template", (_, view, guessed) => {
    expect(matchPreset(view)).toBeUndefined();
    expect(() => cardFor(view)).toThrow(ArgumentError);
    expect(() => cardFor(view)).toThrow(
      /must have a class heatmap output that a preset knows, got .* \(complete the card that inspect --card/,
    );
    const template = cardTemplate(view);
    expect(template).toMatchObject(guessed);
    expect(Object.keys(template).sort()).toEqual(Object.keys(matchPreset(centernet()) as Card).sort());
    expect(gapsOf(template)).toContain("input.color");
    expect(() => parseCard(template, "card.json")).toThrow(/^card.json: every "\?" must be filled in, got one in (format|input)/);
  });

  test("a template without its gaps is a card", () => {
    const template = cardTemplate(network([1, 3, 64, 96], { heat: [1, 4, 16, 24], wh: [1, 2, 8, 12] }, centerSteps));
    const input = { ...(template.input as object), color: "RGB", resize: "stretch", mean: [0, 0, 0], std: [1, 1, 1] };
    const filled = { ...template, input, outputs: { heatmap: "heat", size: "wh" } };
    expect(gapsOf(filled)).toEqual([]);
    const { format, outputs, classes } = parseCard(filled);
    expect({ format, outputs, classes: classes.length }).toEqual({
      format: "centernet",
      outputs: { heatmap: "heat", size: "wh" },
      classes: 4,
    });
  });

  test("a template offers the outputs and the last maps inside the network", () => {
    const view = {
      ...network([1, 3, 64, 96], { boxes: [1, 10, 4] }, [...centerSteps, ["boxes", ["heat", "wh", "reg"], "concat"]]),
      metas: new Map([...["backbone", "neck", "hm1", "hm", "heat", "wh", "reg"].map((n) => [n, { shape: [1, 2, 16, 24] }] as const)]),
    };
    expect(candidateTensors(view).map((t) => t.name)).toEqual(["boxes", "reg", "wh", "heat", "hm", "hm1", "neck"]);
    expect(cardTemplate(view)).toMatchObject({ outputs: { heatmap: expect.stringContaining("tensors: reg [1,2,16,24]") } });
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
