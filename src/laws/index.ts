/** The laws our own quantizers, observers and separators obey, to try on others: needs fast-check. */

export { LawError } from "../errors.ts";
export {
  allSchemes,
  chosenParameters,
  type Fitting,
  familyOf,
  onEveryFit,
  type ParameterRule,
  parameterLaws,
  type QuantizerFamily,
  roundingFamily,
  uniformFamily,
} from "./family.ts";
export { familyLaws, fittedLaws, uniformFamilyLaws } from "./familyLaws.ts";
export {
  type Block,
  type FixedQuantizer,
  fixedQuantizer,
  type Promised,
  type UniformQuantizer,
  uniformQuantizer,
} from "./fixedQuantizer.ts";
export {
  checkLaws,
  defineLaw,
  type Law,
  type LawOptions,
  type LawParts,
  type LawReport,
  lawReport,
  lawReports,
  type Named,
  type Violation,
} from "./law.ts";
export { type MixtureFit, type MixtureFitOptions, mixtureLaws } from "./mixtureLaws.ts";
export { nonUniformLaws } from "./nonUniformLaws.ts";
export { type ObserverSubject, observerLaws } from "./observerLaws.ts";
export { extremesLaws, type PercentileFamily, percentileLaws, type SearchFamily, searchLaws } from "./observerRelations.ts";
export {
  type OnnxQuantizer,
  type OnnxQuantizerOptions,
  onnxLaws,
  onnxQuantizer,
  onnxQuantizers,
} from "./onnxQuantizer.ts";
export { perChannelLaws } from "./perChannelLaws.ts";
export { quantizerLaws } from "./quantizerLaws.ts";
export { type Population, separatorLaws } from "./separatorLaws.ts";
export { uniformLaws } from "./uniformLaws.ts";
