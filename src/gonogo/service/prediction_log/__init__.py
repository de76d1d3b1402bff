"""What was predicted, on disk: a sink in each worker, one writer process, spool and Parquet segments."""
