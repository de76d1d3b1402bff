"""The service: a worker answers predictions for the releases it was handed, a supervisor keeps the workers.

`door/` reads and writes HTTP; `callers/` knows who asks; `answering/` finds the arm, batches and calls the model; `codecs/` are the
spellings of requests and answers; `pages/` are the answers that no model gives; `supervising/` keeps workers, tables and versions;
`prediction_log/` and `loadtest/` are processes beside it. What several of them share (wire format, counters, routes) lies here.
"""
