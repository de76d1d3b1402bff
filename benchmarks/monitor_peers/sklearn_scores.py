"""scikit-learn: ROC-AUC and the calibration curve that an ECE is made of. Arguments: the file with `scores` and `labels`."""

import json
import sys
import time

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score

data = np.load(sys.argv[1])
scores, labels = data["scores"], data["labels"]
began = time.process_time()
auc = roc_auc_score(labels, scores)
calibration_curve(labels, scores, n_bins=10)
print(json.dumps({"scores": time.process_time() - began, "auc": auc}))
