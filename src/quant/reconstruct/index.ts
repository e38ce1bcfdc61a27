/** Learning weights and grids unit by unit. */

export { type Budget, fixedSteps, timeBudget } from "./budget.ts";
export type { Journal, UnitEntry } from "./journal.ts";
export { learningUnits, type ReconstructContext, reconstruct, UNIT_STEPS } from "./reconstruct.ts";
export type { DescentOptions, LearningStage, Reconstruction, UnitObjective, UnitRecord } from "./reconstruction.ts";
export { boundedShelf, type Kept, memoryShelf, type Shelf } from "./shelf.ts";
export { learningBytes, learningStages, lossesOfDetections, requireLearnable } from "./work.ts";
