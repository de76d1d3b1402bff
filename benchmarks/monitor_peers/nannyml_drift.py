"""NannyML: univariate drift by Jensen-Shannon (it has no PSI), and CBPE. Argument: the file with its tables."""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd

warnings.simplefilter("ignore")
import nannyml as nml  # noqa: E402

data = np.load(sys.argv[1])
names = [f"x{index}" for index in range(data["current"].shape[1])]
reference, current = (pd.DataFrame(data[name], columns=names) for name in ("reference", "current"))
drift = nml.UnivariateDriftCalculator(column_names=names, continuous_methods=["jensen_shannon"], chunk_number=10)
drift.fit(reference)
began = time.process_time()
drift.calculate(current)
found = {"drift": time.process_time() - began}
scores, labels = data["scores"], data["labels"]
table = pd.DataFrame({"score": scores, "predicted": (scores >= 0.5).astype(int), "label": labels})
estimator = nml.CBPE(
    y_pred_proba="score", y_pred="predicted", y_true="label", metrics=["roc_auc", "precision", "recall", "accuracy"],
    problem_type="classification_binary", chunk_number=10,
)  # fmt: skip
estimator.fit(table)
began = time.process_time()
estimator.estimate(table)
found["cbpe"] = time.process_time() - began
print(json.dumps(found))
