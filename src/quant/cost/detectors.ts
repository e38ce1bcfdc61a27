import type { Bits, CostLayer } from "./layerCost.ts";

/** Sizes that layer lists of detectors depend on. */
export interface DetectorSize {
  /** Height of the network input in pixels. Default 800. */
  readonly height?: number;
  /** Width of the network input in pixels. Default 1344: 1333 padded to a multiple of 32. */
  readonly width?: number;
  /** Regions the second stage looks at. Default 1000. */
  readonly regions?: number;
}

/** The part of a detector that a layer belongs to; `extra` is what Reg-PTQ's storage counts beside the network. */
export type DetectorPart = "backbone" | "neck" | "head" | "prediction" | "extra";

/** A layer in float with its place. */
export interface DetectorLayer extends CostLayer {
  /** Where it stands. */
  readonly part: DetectorPart;
}

/** A convolution: channels in and out, side of the kernel, output cells, and whether it has a bias. */
function conv(part: DetectorPart, name: string, from: number, to: number, kernel: number, cells: number, bias: boolean): DetectorLayer {
  const weights = from * to * kernel * kernel;
  return { part, name, macs: weights * cells, weights, biases: bias ? to : 0, weightBits: "float", activationBits: "float" };
}

const halved = (side: number): number => Math.ceil(side / 2);

/** Cells of the maps of stride 2^level. */
function cellsAt({ height = 800, width = 1344 }: DetectorSize, level: number): number {
  let [h, w] = [height, width];
  for (let i = 0; i < level; i++) [h, w] = [halved(h), halved(w)];
  return h * w;
}

/** Blocks and widths of the four stages of ResNet-50. Source: He et al. 2016, table 1. */
const STAGES = [
  { blocks: 3, width: 64 },
  { blocks: 4, width: 128 },
  { blocks: 6, width: 256 },
  { blocks: 3, width: 512 },
] as const;

/** The 53 convolutions of ResNet-50, the stride on the 3x3 ones; normalisations are folded. */
export function resnet50(size: DetectorSize = {}): DetectorLayer[] {
  const layers = [conv("backbone", "stem", 3, 64, 7, cellsAt(size, 1), false)];
  let from = 64;
  STAGES.forEach(({ blocks, width }, stage) => {
    for (let block = 0; block < blocks; block++) {
      const name = `stage${stage + 1}.${block}`;
      const out = cellsAt(size, stage + 2);
      const first = block === 0 && stage > 0 ? cellsAt(size, stage + 1) : out;
      layers.push(conv("backbone", `${name}.conv1`, from, width, 1, first, false));
      layers.push(conv("backbone", `${name}.conv2`, width, width, 3, out, false));
      layers.push(conv("backbone", `${name}.conv3`, width, 4 * width, 1, out, false));
      if (block === 0) layers.push(conv("backbone", `${name}.shortcut`, from, 4 * width, 1, out, false));
      from = 4 * width;
    }
  });
  return layers;
}

/** Lateral 1x1 and output 3x3 convolutions of a feature pyramid of 256 channels over the stages of the given strides. */
function pyramid(size: DetectorSize, levels: readonly number[]): DetectorLayer[] {
  return levels.flatMap((level) => [
    conv("neck", `lateral${level}`, 64 * 2 ** level, 256, 1, cellsAt(size, level), true),
    conv("neck", `output${level}`, 256, 256, 3, cellsAt(size, level), true),
  ]);
}

/** Faster R-CNN with ResNet-50 and a pyramid of five levels, 80 classes, as MMDetection builds it: each head layer once a level. */
export function fasterRcnnR50(size: DetectorSize = {}): DetectorLayer[] {
  const { regions = 1000 } = size;
  const proposals = [2, 3, 4, 5, 6].flatMap((level) => [
    conv("head", `rpn.conv@${level}`, 256, 256, 3, cellsAt(size, level), true),
    conv("head", `rpn.class@${level}`, 256, 3, 1, cellsAt(size, level), true),
    conv("head", `rpn.box@${level}`, 256, 12, 1, cellsAt(size, level), true),
  ]);
  return [
    ...resnet50(size),
    ...pyramid(size, [2, 3, 4, 5]),
    ...proposals,
    conv("head", "fc1", 256 * 49, 1024, 1, regions, true),
    conv("head", "fc2", 1024, 1024, 1, regions, true),
    conv("prediction", "class", 1024, 81, 1, regions, true),
    conv("prediction", "box", 1024, 320, 1, regions, true),
  ];
}

/** RetinaNet with ResNet-50, five levels, 80 classes and 9 anchors, as MMDetection builds it: each head layer once a level. */
export function retinaNetR50(size: DetectorSize = {}): DetectorLayer[] {
  const heads = [3, 4, 5, 6, 7].flatMap((level) => {
    const cells = cellsAt(size, level);
    const tower = (name: string): DetectorLayer[] =>
      [1, 2, 3, 4].map((i) => conv("head", `${name}${i}@${level}`, 256, 256, 3, cells, true));
    return [
      ...tower("class.conv"),
      ...tower("box.conv"),
      conv("prediction", `class@${level}`, 256, 9 * 80, 3, cells, true),
      conv("prediction", `box@${level}`, 256, 9 * 4, 3, cells, true),
    ];
  });
  return [
    ...resnet50(size),
    ...pyramid(size, [3, 4, 5]),
    conv("neck", "output6", 2048, 256, 3, cellsAt(size, 6), true),
    conv("neck", "output7", 256, 256, 3, cellsAt(size, 7), true),
    ...heads,
  ];
}

/**
 * What Reg-PTQ's storage column counts beside the network, 2831424 numbers in float: the stem and the shortcuts a second
 * time, and scale and shift of every normalisation. Unstated: all of it; inferred from the printed totals.
 */
export function countedTwice(): DetectorLayer[] {
  const backbone = resnet50();
  const again = backbone.filter(({ name }) => name === "stem" || name.endsWith(".shortcut"));
  const channels = STAGES.reduce((sum, { blocks, width }) => sum + blocks * 6 * width + 4 * width, 64);
  const norm: DetectorLayer = {
    part: "extra",
    name: "norms",
    macs: 0,
    weights: 2 * channels,
    weightBits: "float",
    activationBits: "float",
  };
  return [...again.map((layer) => ({ ...layer, part: "extra" as const, name: `${layer.name} again`, macs: 0 })), norm];
}

/** The layers of the given parts on codes, the others in float. */
export const quantizeParts = (
  layers: readonly DetectorLayer[],
  parts: readonly DetectorPart[],
  weightBits: Bits,
  activationBits: Bits,
): DetectorLayer[] => layers.map((layer) => (parts.includes(layer.part) ? { ...layer, weightBits, activationBits } : layer));
