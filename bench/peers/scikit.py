"""scikit-learn as a process of the benchmark. The first word is the number of threads."""
import os
import sys
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = sys.argv[1]

import numpy as np
import sklearn
from serve import serve
from sklearn.mixture import GaussianMixture

# Every fit ends at the iterations asked for and says that it has not converged.
warnings.simplefilter("ignore")


def gmm(spec, inputs):
    x = inputs["x"][:, None]
    means = np.array(spec["means"], dtype=np.float64)[:, None]
    options = {"tol": 0, "max_iter": spec["iterations"], "reg_covar": 0, "means_init": means}
    start = {"precisions_init": np.ones((2, 1, 1)), "weights_init": [0.5, 0.5]}

    def run():
        return GaussianMixture(2, covariance_type="full", **options, **start).fit(x)

    def outputs():
        fitted = run()
        return [fitted.weights_, fitted.means_.ravel(), np.sqrt(fitted.covariances_.ravel())]

    return run, outputs


serve(sklearn.__version__, {"gmm": gmm})
