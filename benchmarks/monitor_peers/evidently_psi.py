"""Evidently: its data drift preset by PSI over every column. Arguments: the file with `reference` and `current` [rows, features]."""

import json
import sys
import time

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

data = np.load(sys.argv[1])
names = [f"x{index}" for index in range(data["current"].shape[1])]
definition = DataDefinition(numerical_columns=names)
reference, current = (
    Dataset.from_pandas(pd.DataFrame(data[name], columns=names), data_definition=definition) for name in ("reference", "current")
)
began = time.process_time()
Report([DataDriftPreset(method="psi")]).run(current, reference)
print(json.dumps({"psi": time.process_time() - began}))
