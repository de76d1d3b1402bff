"""whylogs: a profile of a table, and of rows one by one. Arguments: the file with `current` [rows, features]."""

import json
import sys
import time

import numpy as np
import pandas as pd
import whylogs as why
from whylogs.core import DatasetProfile

data = np.load(sys.argv[1])
names = [f"x{index}" for index in range(data["current"].shape[1])]
frame = pd.DataFrame(data["current"], columns=names)
began = time.process_time()
why.log(frame)
found = {"drift": time.process_time() - began}
profile, rows = DatasetProfile(), frame.iloc[:2000].to_dict("records")
began = time.process_time()
for row in rows:
    profile.track(row)
found["row"] = (time.process_time() - began) / len(rows)
print(json.dumps(found))
