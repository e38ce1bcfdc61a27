/** Separating one-dimensional scores into inliers and anomalies: a Gaussian mixture, k-means, a linear SVM. */

export { type EmOptions, type EmRun, expectationMaximization, logOdds } from "./expectationMaximization.ts";
export { fitGmm, GMM_DEFAULTS, type GmmOptions, gmm1d, type Transform } from "./gmm1d.ts";
export { type Clustering, type Cut, type KmeansOptions, kmeans1d, lloyd, twoMeans } from "./kmeans.ts";
export type { Mixture, Separation, SeparationFlag, Separator } from "./separator.ts";
export type { Components } from "./statistics.ts";
export { linearSvm, type Svm1dOptions, type SvmFit, type SvmOptions, svm1d } from "./svm.ts";
