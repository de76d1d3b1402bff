"""The spellings of a request and its answer, one file each: JSON rows and columns, Open Inference Protocol, NumPy, Arrow."""
