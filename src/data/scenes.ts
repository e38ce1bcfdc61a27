import { type Box, type GroundTruth, iou } from "../detect/index.ts";
import { cos, exp, hypot, sin } from "../elementary.ts";
import { ArgumentError } from "../errors.ts";
import { Rng } from "../tensor/index.ts";
import { orient, orientationOf } from "./exif.ts";
import type { Picture } from "./image.ts";

/** The classes of generated scenes; labels are positions in this list. */
export const SCENE_CLASSES = ["disc", "square", "triangle", "ring"] as const;

/** What a generated scene holds. Ranges include both ends. */
export interface SceneOptions {
  /** In pixels. Default 128. */
  readonly width?: number;
  /** In pixels. Default 128. */
  readonly height?: number;
  /** How many objects are tried; one that would overlap another is left out. Default 1 to 5. */
  readonly objects?: readonly [number, number];
  /** Radius of an object in pixels. Default 9 to 22. */
  readonly radius?: readonly [number, number];
  /** Share of scenes without any object. Default 0.1. */
  readonly empty?: number;
  /** How many strokes, crosses and specks distract. Default 12. */
  readonly clutter?: number;
  /** Standard deviation of pixel noise in grey levels. Default 6. */
  readonly noise?: number;
}

/** A picture and what is in it. */
export interface Scene {
  readonly picture: Picture;
  /** The objects with their boxes in pixels, labels as in `SCENE_CLASSES`. */
  readonly truth: readonly GroundTruth[];
}

type Color = readonly [number, number, number];

/** A drawable: how far a point lies outside of it, in pixels (negative inside), and the box it stays within. */
interface Shape {
  readonly distance: (x: number, y: number) => number;
  readonly box: Box;
}

/**
 * The scene number `index` of a seed: coloured shapes on an uneven ground with distracting clutter and pixel noise.
 * The same seed and index give the same bytes.
 *
 * Errors: ArgumentError when a range is empty or no object would fit.
 */
export function scene(seed: number | string, index: number, options: SceneOptions = {}): Scene {
  const { width = 128, height = 128, objects = [1, 5], radius = [9, 22], empty = 0.1, clutter = 12, noise = 6 } = options;
  requireRange("objects", objects, 0);
  requireRange("radius", radius, 1);
  if (radius[1] * 2 > Math.min(width, height)) {
    throw new ArgumentError("scene", `the largest radius must fit a ${width}x${height} picture, got ${radius[1]}`);
  }
  const rng = new Rng(`scene/${seed}`).split(index);
  const canvas = new Float32Array(width * height * 3);
  const ground = paintGround(canvas, width, height, rng.split("ground"));
  const marks = rng.split("clutter");
  for (let i = 0; i < clutter; i++) paint(canvas, width, height, clutterMark(width, height, marks), randomColor(marks, ground, 25));
  const layout = rng.split("objects");
  const count = layout.float() < empty ? 0 : layout.int(objects[0], objects[1]);
  const truth: GroundTruth[] = [];
  for (let i = 0; i < count; i++) {
    const label = layout.int(0, SCENE_CLASSES.length - 1);
    const shape = objectShape(label, width, height, layout.float(radius[0], radius[1]), layout);
    const color = randomColor(layout, ground, 60);
    if (truth.some((other) => iou(other.box, shape.box) > 0.1)) continue;
    paint(canvas, width, height, shape, color);
    truth.push({ box: shape.box, label });
  }
  return { picture: develop(canvas, width, height, noise, rng.split("noise")), truth };
}

/** Scenes number `from` to `from + count - 1`. Errors: as `scene`. */
export function* scenes(seed: number | string, count: number, options: SceneOptions = {}, from = 0): Generator<Scene> {
  for (let i = 0; i < count; i++) yield scene(seed, from + i, options);
}

/** A scene turned and mirrored as EXIF numbers it (1 to 8): the same objects, elsewhere. */
export function turnScene({ picture, truth }: Scene, orientation: number): Scene {
  const turned = orient(picture, orientation);
  const { transposed, mirroredX, mirroredY } = orientationOf(orientation);
  const boxOf = ([x1, y1, x2, y2]: Box): Box => {
    const [a, b, c, d] = transposed ? [y1, x1, y2, x2] : [x1, y1, x2, y2];
    const [left, right] = mirroredX ? [turned.width - c, turned.width - a] : [a, c];
    return mirroredY ? [left, turned.height - d, right, turned.height - b] : [left, b, right, d];
  };
  return { picture: turned, truth: truth.map((object) => ({ ...object, box: boxOf(object.box) })) };
}

function requireRange(name: string, [low, high]: readonly [number, number], least: number): void {
  if (low >= least && high >= low) return;
  throw new ArgumentError("scene", `${name} must be a range of numbers >= ${least}, got ${low} to ${high}`);
}

/** A slope between two similar colours with soft blotches; returns its mean colour. */
function paintGround(canvas: Float32Array, width: number, height: number, rng: Rng): Color {
  const base: Color = [rng.float(40, 215), rng.float(40, 215), rng.float(40, 215)];
  const tilt = [0, 1, 2].map(() => [rng.float(-35, 35), rng.float(-35, 35)]);
  const blotches = Array.from({ length: 4 }, () => ({
    x: rng.float(0, width),
    y: rng.float(0, height),
    spread: 2 * rng.float(10, 40) ** 2,
    color: [rng.float(-30, 30), rng.float(-30, 30), rng.float(-30, 30)],
  }));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      for (let c = 0; c < 3; c++) canvas[at + c] = base[c] + tilt[c][0] * (x / width - 0.5) + tilt[c][1] * (y / height - 0.5);
      for (const b of blotches) {
        const weight = exp(-((x - b.x) ** 2 + (y - b.y) ** 2) / b.spread);
        for (let c = 0; c < 3; c++) canvas[at + c] += weight * b.color[c];
      }
    }
  }
  return base;
}

/** A colour that differs from `from` by at least `contrast` levels in some channel. */
function randomColor(rng: Rng, from: Color, contrast: number): Color {
  for (;;) {
    const color: Color = [rng.float(0, 255), rng.float(0, 255), rng.float(0, 255)];
    if (color.some((v, c) => Math.abs(v - from[c]) >= contrast)) return color;
  }
}

/** Blends a shape in, its edge one pixel soft. */
function paint(canvas: Float32Array, width: number, height: number, shape: Shape, color: Color): void {
  const [x1, y1, x2, y2] = shape.box;
  for (let y = Math.max(0, Math.floor(y1 - 1)); y < Math.min(height, Math.ceil(y2 + 1)); y++) {
    for (let x = Math.max(0, Math.floor(x1 - 1)); x < Math.min(width, Math.ceil(x2 + 1)); x++) {
      const cover = Math.min(Math.max(0.5 - shape.distance(x + 0.5, y + 0.5), 0), 1);
      if (cover === 0) continue;
      const at = (y * width + x) * 3;
      for (let c = 0; c < 3; c++) canvas[at + c] += cover * (color[c] - canvas[at + c]);
    }
  }
}

/** A thin stroke, a small cross or a speck: never one of the classes. */
function clutterMark(width: number, height: number, rng: Rng): Shape {
  const kind = rng.int(0, 2);
  const x = rng.float(0, width);
  const y = rng.float(0, height);
  const turn = rng.float(0, Math.PI);
  if (kind === 0) return stroke(x, y, turn, rng.float(6, 30), rng.float(0.6, 1.6));
  if (kind === 1) return speck(x, y, rng.float(0.8, 2.2));
  const size = rng.float(4, 12);
  const [a, b] = [stroke(x, y, turn, size, 1.2), stroke(x, y, turn + Math.PI / 2, size, 1.2)];
  return { distance: (px, py) => Math.min(a.distance(px, py), b.distance(px, py)), box: around(x, y, size + 2, size + 2) };
}

const around = (x: number, y: number, halfWidth: number, halfHeight: number): Box => [
  x - halfWidth,
  y - halfHeight,
  x + halfWidth,
  y + halfHeight,
];

function speck(x: number, y: number, radius: number): Shape {
  return { distance: (px, py) => hypot(px - x, py - y) - radius, box: around(x, y, radius, radius) };
}

/** A segment of half length `reach` and half width `thick`, round at its ends. */
function stroke(x: number, y: number, turn: number, reach: number, thick: number): Shape {
  const [dx, dy] = [cos(turn), sin(turn)];
  return {
    distance(px, py) {
      const along = Math.max(-reach, Math.min(reach, (px - x) * dx + (py - y) * dy));
      return hypot(px - x - along * dx, py - y - along * dy) - thick;
    },
    box: around(x, y, Math.abs(reach * dx) + thick, Math.abs(reach * dy) + thick),
  };
}

/** An object of the given class and circumradius, somewhere wholly inside the picture. */
function objectShape(label: number, width: number, height: number, radius: number, rng: Rng): Shape {
  const turn = rng.float(0, 2 * Math.PI);
  const x = rng.float(radius, width - radius);
  const y = rng.float(radius, height - radius);
  const make = { disc, square, triangle, ring }[SCENE_CLASSES[label]];
  return make(x, y, radius, turn);
}

const disc = (x: number, y: number, radius: number): Shape => speck(x, y, radius);

function ring(x: number, y: number, radius: number): Shape {
  const half = radius * 0.18;
  return {
    distance: (px, py) => Math.abs(hypot(px - x, py - y) - (radius - half)) - half,
    box: around(x, y, radius, radius),
  };
}

const square = (x: number, y: number, radius: number, turn: number): Shape => polygon(x, y, radius, turn, 4);

const triangle = (x: number, y: number, radius: number, turn: number): Shape => polygon(x, y, radius, turn, 3);

/** A regular polygon; the distance is that to its furthest side, exact inside. */
function polygon(x: number, y: number, radius: number, turn: number, corners: number): Shape {
  const angles = Array.from({ length: corners }, (_, i) => turn + (2 * Math.PI * i) / corners);
  const inner = radius * cos(Math.PI / corners);
  const normals = angles.map((a) => [cos(a + Math.PI / corners), sin(a + Math.PI / corners)]);
  const xs = angles.map((a) => x + radius * cos(a));
  const ys = angles.map((a) => y + radius * sin(a));
  return {
    distance: (px, py) => normals.reduce((far, [nx, ny]) => Math.max(far, (px - x) * nx + (py - y) * ny - inner), -radius),
    box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)],
  };
}

/** Adds noise and rounds to bytes. */
function develop(canvas: Float32Array, width: number, height: number, noise: number, rng: Rng): Picture {
  const data = new Uint8Array(canvas.length);
  for (let i = 0; i < data.length; i++) {
    const level = noise > 0 ? canvas[i] + noise * rng.normal() : canvas[i];
    data[i] = Math.min(Math.max(level, 0), 255) + 0.5;
  }
  return { width, height, data };
}
