import type { StepOptions } from "../quant/index.ts";

/** Wall time by stage; never part of a result that must be reproducible. */
export class Clock {
  readonly times: Record<string, number> = {};
  #last = performance.now();

  lap(stage: string): void {
    const now = performance.now();
    this.times[stage] = (this.times[stage] ?? 0) + now - this.#last;
    this.#last = now;
  }

  /** The options with a progress callback that also laps. */
  watching({ signal, onProgress }: StepOptions): StepOptions {
    return {
      signal,
      onProgress: (p) => {
        this.lap(p.stage);
        onProgress?.(p);
      },
    };
  }
}
