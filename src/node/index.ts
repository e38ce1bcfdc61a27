/** What needs Node: files and folders, threads, pictures decoded on them, and the check in onnxruntime-web. */

export { comparisonFiles } from "./comparisonFiles.ts";
export { annotatedPictures, readAnnotations, truthByName } from "./dataset.ts";
export { demoModel, demoScenes } from "./demo.ts";
export { type DiskShelf, diskShelf } from "./diskShelf.ts";
export { type DiskJournal, type JournalKey, journalKey, openJournal, UNFINISHED } from "./journal.ts";
export { type ModelFile, readModel } from "./model.ts";
export { checkOutput, OutputError, type OutputFiles, writeFileAtomic, writeOutput } from "./output.ts";
export { choosePictures, listPictures, type PictureFile, readBytes, readPicture } from "./pictures.ts";
export { type PictureReading, type ReadOptions, readPictures } from "./readPictures.ts";
export { encodedPicture, readableBoxes, resultFiles } from "./resultFiles.ts";
export { runSweep, type SweepOptions, type SweepResult, type SweepStart } from "./runSweep.ts";
export {
  type Agreement,
  type AgreementOptions,
  closeness,
  compareWithForeign,
  compareWithRuntime,
  type Foreign,
  openInRuntime,
  RuntimeError,
  runtimeInstalled,
} from "./runtimeCheck.ts";
export { sensitivityFiles } from "./sensitivityFiles.ts";
export { sweepFiles } from "./sweepFiles.ts";
export { type ArraySource, findArrays, readTensorSamples, type TensorReadOptions } from "./tensorSamples.ts";
export { spawnThread, startThreads } from "./threads.ts";
export { reasonOf, UsageError } from "./usageError.ts";
