import { describe, expect, test } from "vitest";
import { type Card, cardFor, cardTemplate, matchPreset, type NetworkView, pictureInputOf } from "../../src/detect/index.ts";

/** A CenterNet of one layer a map. */
const centernet: NetworkView = {
  inputs: [{ name: "x", shape: [1, 3, 64, 96] }],
  outputs: [
    { name: "heat", shape: [1, 4, 16, 24] },
    { name: "wh", shape: [1, 2, 16, 24] },
  ],
  nodes: ["heat", "wh"].map((name) => ({ name, op: { name: "conv2d" }, inputs: ["x", `${name}.weight`], outputs: [name] })),
  layers: ["heat", "wh"].map((name) => ({ name, input: "x", output: name })),
};

describe("several inputs", () => {
  const view: NetworkView = {
    ...centernet,
    inputs: [
      { name: "scale_factor", shape: [-1, 2] },
      { name: "image", shape: [-1, 3, 64, 96] },
    ],
  };
  const card = matchPreset(centernet) as Card;

  test("leave it to a card what the others are", () => {
    expect(matchPreset(view)).toBeUndefined();
    expect(cardTemplate(view)).toMatchObject({
      pictureInput: "image",
      constants: { scale_factor: ["? values, row by row"] },
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
      pictureInput: expect.stringMatching(/^\? the input that takes the picture; inputs: scale_factor \[N,2\]/),
    });
  });
});
