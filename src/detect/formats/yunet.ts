import { z } from "zod";
import { add, clamp, concat, log, mul, permute, type Tensor } from "../../tensor/index.ts";
import type { Heads, Prediction } from "../detector.ts";
import { headBranches, type NetworkView, pictureInput } from "../network.ts";
import { boxAt } from "./boxes.ts";
import { cardKeys, name } from "./cardKeys.ts";
import type { Decoder, Format } from "./format.ts";
import { cellCounts, gridBoxes, gridOf, levelSizes } from "./grid.ts";
import { LEAST_SCORE, readHead } from "./heads.ts";

const STRIDES = [8, 16, 32] as const;
const ROLES = ["cls", "obj", "box"] as const;

type Role = `${(typeof ROLES)[number]}${(typeof STRIDES)[number]}`;

const roles = STRIDES.flatMap((s) => ROLES.map((role): Role => `${role}${s}`));

const schema = z.strictObject({
  ...cardKeys,
  format: z.literal("yunet"),
  /** Class score, objectness and box of the cells of 8, 16 and 32 pixels. */
  outputs: z.strictObject(Object.fromEntries(roles.map((role) => [role, name])) as Record<Role, typeof name>),
});

export type YunetCard = z.infer<typeof schema>;

/**
 * YuNet: per stride 8, 16, 32 the outputs cls [N, cells, classes] and obj [N, cells, 1], both through their sigmoid,
 * and box [N, cells, 4] as raw x, y, w, h. Centre = (xy + cell) * stride, size = exp(wh) * stride,
 * score = sqrt(best class * objectness); log H = (log class + log objectness) / 2.
 * Source: Wu et al. 2023, YuNet; the decoding is that of OpenCV's FaceDetectorYN.
 */
function decoder(card: YunetCard): Decoder {
  const counts = cellCounts(card.input, STRIDES);
  const grid = gridOf(card.input, STRIDES);
  const count = grid.stride.length;
  const depth = card.classes.length;
  const read = (heads: Heads, role: (typeof ROLES)[number], channels: number): Tensor =>
    concat(
      STRIDES.map((s, level) => readHead(heads, card.outputs[`${role}${s}`], [-1, counts[level], channels])),
      { dim: 1 },
    );
  const boxesOf = (heads: Heads): Tensor => gridBoxes(read(heads, "box", 4), grid);
  return {
    boxes: boxesOf,
    maps: () => levelSizes(card.input, STRIDES),
    logScores(heads) {
      const [cls, obj] = [read(heads, "cls", depth), read(heads, "obj", 1)].map((p) => log(clamp(p, { min: LEAST_SCORE })));
      return permute(mul(add(cls, obj), 0.5), { perm: [0, 2, 1] });
    },
    candidates(heads) {
      const [cls, obj, boxes] = [read(heads, "cls", depth), read(heads, "obj", 1), boxesOf(heads)];
      return Array.from({ length: cls.shape[0] }, (_, n) => {
        const found: Prediction[] = [];
        for (let a = 0; a < count; a++) {
          const cell = n * count + a;
          let label = 0;
          for (let c = 1; c < depth; c++) if (cls.data[cell * depth + c] > cls.data[cell * depth + label]) label = c;
          const score = Math.sqrt(cls.data[cell * depth + label] * obj.data[cell]);
          if (!(score >= card.scoreThreshold)) continue;
          found.push({ box: boxAt(boxes, n, a), score, label });
        }
        return found;
      });
    },
  };
}

/** The outputs by role, found by name (cls, obj, box) and shape; undefined unless each is there once. */
function outputsOf(network: NetworkView): YunetCard["outputs"] | undefined {
  const input = pictureInput(network);
  if (input?.layout !== "NCHW") return undefined;
  const counts = cellCounts(input, STRIDES);
  const found = STRIDES.flatMap((s, level) =>
    ROLES.map((role) => {
      const fitting = network.outputs.filter(({ name, shape }) => {
        const channels = role === "box" ? 4 : 1;
        return shape.length === 3 && shape[1] === counts[level] && shape[2] === channels && name.toLowerCase().includes(role);
      });
      return [`${role}${s}`, fitting.length === 1 ? fitting[0].name : ""] as const;
    }),
  );
  return found.some(([, output]) => output === "") ? undefined : (Object.fromEntries(found) as YunetCard["outputs"]);
}

/** BGR 0..255; the letterbox keeps faces in shape. Its other outputs, the five points of a face, belong to the head. */
function preset(network: NetworkView): YunetCard | undefined {
  const input = pictureInput(network);
  const outputs = outputsOf(network);
  if (!input || !outputs) return undefined;
  return {
    version: 1,
    name: "yunet",
    format: "yunet",
    input: { ...input, color: "BGR", resize: "letterbox", anchor: "topLeft", fill: 0, mean: [0, 0, 0], std: [1, 1, 1] },
    classes: ["face"],
    outputs,
    scoreThreshold: 0.02,
    visibleThreshold: 0.6,
    nmsIou: 0.3,
    maxDetections: 100,
    ...headBranches(
      network,
      network.outputs.map((o) => o.name),
    ),
  };
}

export const yunet: Format<YunetCard> = { name: "yunet", schema, preset, decoder };
