import { describe, expect, it } from "vitest";
import { SCENE_CLASSES, scene, scenes, turnScene } from "../../src/data/index.ts";
import { iou } from "../../src/detect/index.ts";

describe("scenes", () => {
  it("are the same for the same seed and index, whatever came before", () => {
    const [, , third] = scenes(7, 3);
    expect(scene(7, 2)).toEqual(third);
    expect([...scenes(7, 1, {}, 2)]).toEqual([third]);
    expect(scene(8, 2).picture.data).not.toEqual(third.picture.data);
  });

  it("hold objects of every class, inside the picture, hardly overlapping", () => {
    const labels = new Set<number>();
    let most = 0;
    for (const { picture, truth } of scenes("all", 40, { objects: [3, 6], empty: 0 })) {
      expect(truth.length).toBeGreaterThan(0);
      for (const { box, label } of truth) {
        labels.add(label);
        expect(Math.min(...box)).toBeGreaterThanOrEqual(0);
        expect(Math.max(box[2], box[3])).toBeLessThanOrEqual(picture.width);
        expect(Math.min(box[2] - box[0], box[3] - box[1])).toBeGreaterThan(7);
      }
      truth.forEach((a, i) => {
        for (const b of truth.slice(i + 1)) most = Math.max(most, iou(a.box, b.box));
      });
    }
    expect(most).toBeLessThanOrEqual(0.1);
    expect(most).toBeGreaterThan(0);
    expect(labels.size).toBe(SCENE_CLASSES.length);
  });

  it("have as many objects, and as rarely, as asked", () => {
    expect([...scenes(0, 10, { empty: 1 })].every((s) => s.truth.length === 0)).toBe(true);
    expect([...scenes(0, 10, { empty: 0, objects: [1, 1] })].every((s) => s.truth.length === 1)).toBe(true);
  });

  it("show an object where the truth says", () => {
    const bare = { clutter: 0, noise: 0, empty: 0, objects: [1, 1] } as const;
    const { picture, truth } = scene("spot", 0, bare);
    const without = scene("spot", 0, { ...bare, empty: 1 }).picture;
    const changed: [number, number][] = [];
    for (let i = 0; i < picture.data.length; i += 3) {
      if (picture.data[i] !== without.data[i]) changed.push([(i / 3) % picture.width, Math.floor(i / 3 / picture.width)]);
    }
    const [x1, y1, x2, y2] = truth[0].box;
    const bounds = [
      Math.min(...changed.map(([x]) => x)),
      Math.min(...changed.map(([, y]) => y)),
      Math.max(...changed.map(([x]) => x)) + 1,
      Math.max(...changed.map(([, y]) => y)) + 1,
    ];
    bounds.forEach((v, i) => expect(Math.abs(v - [x1, y1, x2, y2][i])).toBeLessThan(2));
  });

  it("turn with their boxes", () => {
    const bare = { clutter: 0, noise: 0, empty: 0, objects: [1, 1], width: 96, height: 64 } as const;
    const upright = scene("turn", 1, bare);
    const { box } = upright.truth[0];
    const size = [box[2] - box[0], box[3] - box[1]];
    for (let orientation = 1; orientation <= 8; orientation++) {
      const { picture, truth } = turnScene(upright, orientation);
      const [x1, y1, x2, y2] = truth[0].box;
      expect([x2 - x1, y2 - y1].map((v) => v.toFixed(6))).toEqual((orientation > 4 ? [size[1], size[0]] : size).map((v) => v.toFixed(6)));
      const at = (p: typeof picture, x: number, y: number) => [
        ...p.data.subarray((Math.floor(y) * p.width + Math.floor(x)) * 3).subarray(0, 3),
      ];
      const center = at(upright.picture, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2);
      at(picture, (x1 + x2) / 2, (y1 + y2) / 2).forEach((v, c) => expect(Math.abs(v - center[c])).toBeLessThan(12));
    }
    expect(turnScene(upright, 1)).toEqual(upright);
  });

  it("refuse ranges that make no sense", () => {
    expect(() => scene(0, 0, { objects: [3, 1] })).toThrow("scene: objects must be a range of numbers >= 0, got 3 to 1");
    expect(() => scene(0, 0, { radius: [5, 90] })).toThrow("scene: the largest radius must fit a 128x128 picture, got 90");
  });
});
