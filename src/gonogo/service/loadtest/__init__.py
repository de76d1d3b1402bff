"""The load test: many requests at once, against any service of ours, and what came of them. `run.py` is the way in.

target.py    where it is aimed, and whether a gonogo service answers there
requests.py  what is sent: rows in rotation, golden requests mixed in
answers.py   what an answer is worth: errors by kind, the same row the same answer, golden scores
drive.py     how it is sent: patient clients (closed loop), or by a schedule (open loop)
result.py    what was measured
"""
