"""What is served: `/health` and `/model_info`."""

from __future__ import annotations

from typing import Any

from gonogo.service.door.exchange import Exchange
from gonogo.service.pages.features import told_features
from gonogo.service.pages.page import Host
from gonogo.service.wire import to_json


class ModelPages:
    """Pages about the release of this process."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def health(self, exchange: Exchange) -> None:
        served = self._host.served
        answer = {"status": "healthy", "release": served.release, "digest": served.digest, "model_loaded": True}
        exchange.answer(200, to_json(answer))

    def model_info(self, exchange: Exchange) -> None:
        served, schema = self._host.served, self._host.served.schema
        features = [
            {"name": told.name, "type": told.feature.type, "nullable": told.nullable, **told.typical(), "example": told.example}
            for told in told_features(served)
        ]
        running = self._host.view.get("releases", {})
        document: dict[str, Any] = {
            "release": served.release,
            "digest": served.digest,
            **served.info,
            "versions": sorted({served.release, *running}),
            "stable": self._host.view.get("stable", served.release),
            "task": schema.task,
            "classes": list(schema.classes),
            "threshold": schema.threshold,
            "most_rows": self._host.rules.most_rows,
            "features": features,
        }
        exchange.answer(200, to_json(document))
