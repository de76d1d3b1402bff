"""gonogo: from a trained model to verified production, and back, by checklists that run themselves.

A tour, in the order of the flow (`gonogo.flow` is the same as a table):

    checklist   what must be true: YAML items with requirements, in packs; gonogo.yaml describes one system
    evidence    what was measured: checks give facts, bound to the digests of all their inputs
    verdict     what follows: GO or NO-GO, one outcome an item; sign-offs; only here an Approval is made
    candidate   which one: runs compared, a choice on record, a signed certificate
    release     what we ship: a bundle built before judging, sealed afterwards, verifiable by a stranger with a public key
    registry    where it lives: a hash-chained, signed log of events; releases and pointers are a fold over it
    service     what it answers: workers that predict, a supervisor that owns the socket and the routes
    rollout     how traffic moves: a durable machine, judged by an e-process; a rollback is a rollout to an older release
    monitor     is it still good: signals over additive counters, alarms with a duration, channels

They stand on `base`, `trust` (keys, envelopes), `model` (schema, runtimes, the isolated child) and `stats`. `operations` has one file a
verb and puts the rooms together; `cli`, `http` and `web` are thin doors to it; `reports` shows records.

From Python:

    import gonogo

    gonogo.record_run("models/run.json", params={"trees": 200}, metrics={}, data={"train": "data/train.csv"}, seed=17)
    gonogo.Client("http://127.0.0.1:8400").predict([{"age": 41.0}])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gonogo.candidate.run_record import record_run
    from gonogo.http.async_client import AsyncClient
    from gonogo.http.client import Client
    from gonogo.http.talk import Prediction, RequestRefusedError
    from gonogo.model.scikit_learn import write_pipeline

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client", "Prediction", "RequestRefusedError", "__version__", "record_run", "write_pipeline"]

_PUBLIC = {
    "AsyncClient": "gonogo.http.async_client:AsyncClient",
    "Client": "gonogo.http.client:Client",
    "Prediction": "gonogo.http.talk:Prediction",
    "RequestRefusedError": "gonogo.http.talk:RequestRefusedError",
    "record_run": "gonogo.candidate.run_record:record_run",
    "write_pipeline": "gonogo.model.scikit_learn:write_pipeline",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import gonogo` costs next to nothing."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'gonogo' has no attribute {name!r}")
    import importlib

    module, _, attribute = _PUBLIC[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
