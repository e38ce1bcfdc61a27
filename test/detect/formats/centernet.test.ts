import { describe, expect, test } from "vitest";
import { type CardOf, detectorFrom, type Heads, matchPreset, parseCard } from "../../../src/detect/index.ts";
import { traceGraph } from "../../../src/graph/index.ts";
import { identityTap, type Module, type Tap } from "../../../src/nn/index.ts";
import { add, conv2d, permute, Rng, randn, relu, sigmoid, Tensor, uniform, zeros } from "../../../src/tensor/index.ts";
import { CARD_JSON, cardOf } from "../sampleCards.ts";
import { decode, expectBox, fixed } from "./scene.ts";

/** Input 64 x 32, two classes, maps of 8 x 16 cells: stride 4. */
const distanceCard = (changes: Record<string, unknown> = {}): CardOf<"centernet"> =>
  cardOf("centernet", {
    outputs: { heatmap: "heat", distances: "box" },
    outputLayout: "NHWC",
    sizeUnit: "pixel",
    ...changes,
  }) as CardOf<"centernet">;

/** One dog of heat 0.7 at column 5, row 3. */
function scene(distances: readonly number[]): { heat: Tensor; box: Tensor } {
  const heat = new Float32Array(8 * 16 * 2).fill(0.01);
  const box = new Float32Array(8 * 16 * 4);
  heat[(3 * 16 + 5) * 2 + 1] = 0.7;
  box.set(distances, (3 * 16 + 5) * 4);
  return { heat: new Tensor([1, 8, 16, 2], "f32", heat), box: new Tensor([1, 8, 16, 4], "f32", box) };
}

describe("centernet with distances, channels last", () => {
  test("a box reaches from stride times cell by its four distances, without half a cell", () => {
    const found = decode(scene([3, 2, 10.5, 7]), distanceCard());
    expect(found).toHaveLength(1);
    expectBox(found[0], [20 - 3, 12 - 2, 20 + 10.5, 12 + 7], 0.7, 1);
  });

  test("distances may count cells, and may turn a box inside out", () => {
    expectBox(decode(scene([1, 0.5, 2, 1]), distanceCard({ sizeUnit: "cell" }))[0], [20 - 4, 12 - 2, 20 + 8, 12 + 4], 0.7, 1);
    expectBox(decode(scene([-6, 1, 2, 1]), distanceCard())[0], [22, 11, 26, 13], 0.7, 1);
  });

  test("the same maps channels first give the same boxes and log H", () => {
    const heads = { heat: uniform([2, 8, 16, 2], new Rng(1), 0.01, 1), box: uniform([2, 8, 16, 4], new Rng(2), 0, 9) };
    const turned = Object.fromEntries(Object.entries(heads).map(([k, x]) => [k, permute(x, { perm: [0, 3, 1, 2] })]));
    const planar = distanceCard({ outputLayout: "NCHW" });
    expect(fixed({}, planar).decode(turned)).toEqual(fixed({}, distanceCard()).decode(heads));
    const logs = fixed({}, distanceCard()).logScores(heads);
    expect(logs.shape).toEqual([2, 2, 8 * 16]);
    expect(logs.data).toEqual(fixed({}, planar).logScores(turned).data);
    expect(logs.data[8 * 16 + 3 * 16 + 5]).toBeCloseTo(Math.log(heads.heat.data[(3 * 16 + 5) * 2 + 1]), 5);
  });

  test("suppression leaves other classes alone", () => {
    const { heat, box } = scene([8, 8, 8, 8]);
    heat.data[(3 * 16 + 5) * 2] = 0.6; // the same box as a cat
    heat.data[(3 * 16 + 7) * 2 + 1] = 0.5; // a second dog two cells on
    box.data.set([16, 8, 0, 8], (3 * 16 + 7) * 4);
    expect(decode({ heat, box }, distanceCard()).map((p) => [p.label, p.score.toFixed(1)])).toEqual([
      [1, "0.7"],
      [0, "0.6"],
    ]);
  });

  test("refuses boxes that do not fit the heatmap", () => {
    expect(() => decode({ ...scene([0, 0, 0, 0]), box: zeros([1, 4, 8, 16]) }, distanceCard())).toThrow(
      /output "box" must have shape \[1,8,16,4\] for this card, got \[1,4,8,16\]/,
    );
  });

  test.each([
    [
      "both size and distances",
      { heatmap: "h", size: "s", distances: "d" },
      /outputs is not valid, got .* \(give either size or distances\)/,
    ],
    ["neither", { heatmap: "h" }, /give either size or distances/],
    ["offsets of distances", { heatmap: "h", distances: "d", offset: "o" }, /distances take no offset/],
  ])("a card with %s is refused in one line", (_, outputs, message) => {
    const parse = (): unknown => parseCard({ ...CARD_JSON.centernet, outputs });
    expect(parse).toThrow(message);
    expect(parse).not.toThrow(/\n/);
  });
});

/** A network with channels last outside, as an import from TensorFlow.js gives: two branches on a small trunk. */
class ChannelsLast implements Module<Heads> {
  readonly stem = randn([8, 3, 4, 4], new Rng(1));
  readonly neck = randn([8, 8, 1, 1], new Rng(2));
  readonly classes = randn([3, 8, 1, 1], new Rng(3));
  readonly boxes = randn([4, 8, 1, 1], new Rng(4));

  forward(x: Tensor, tap: Tap = identityTap): Heads {
    const layer = (name: "stem" | "neck" | "classes" | "boxes", y: Tensor, stride = 1): Tensor => {
      const at = tap.at(name);
      return at("output", conv2d(y, at.at("weight")("weight", this[name]), { stride }));
    };
    const stem = relu(layer("stem", permute(x, { perm: [0, 3, 1, 2] }), 4));
    const y = add(stem, relu(layer("neck", stem)));
    const last = (map: Tensor): Tensor => permute(map, { perm: [0, 2, 3, 1] });
    return { "tower_0/wh": relu(last(layer("boxes", y))), "tower_0/keypoints": sigmoid(last(layer("classes", y))) };
  }
}

test("the preset knows a network with channels last, and which layers end it", () => {
  const graph = traceGraph(new ChannelsLast(), zeros([1, 64, 96, 3]), { name: "last" });
  const card = matchPreset(graph);
  expect(card).toMatchObject({
    format: "centernet",
    outputs: { heatmap: "tower_0/keypoints", distances: "tower_0/wh" },
    outputLayout: "NHWC",
    sizeUnit: "pixel",
    heatmap: "probability",
    classes: ["class 0", "class 1", "class 2"],
    input: { width: 96, height: 64, layout: "NHWC", color: "RGB", std: [1, 1, 1], resize: "letterbox" },
    head: ["classes", "boxes"].sort(),
    predictions: ["boxes", "classes"],
  });
  if (!card) throw new Error("the preset must match");
  expect(parseCard(JSON.parse(JSON.stringify(card)))).toEqual(card);
  const detector = detectorFrom(graph, card);
  const [found] = detector.decode(detector.forward(uniform([1, 64, 96, 3], new Rng(5), 0, 255)));
  expect(found.length).toBeGreaterThan(0);
  expect(found.every(({ box }) => box[0] <= box[2] && box[1] <= box[3])).toBe(true);
});
