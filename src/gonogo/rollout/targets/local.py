"""This machine: releases as processes of a supervisor, reached over its control socket."""

from __future__ import annotations

from pathlib import Path

from gonogo.rollout.target import Observation, Route, read_observation
from gonogo.service.control import ControlClient
from gonogo.service.routing import Arm, RoutingTable


class LocalTarget:
    """The supervisor on a store's folder. Errors are the supervisor's own; see `gonogo.rollout.target`."""

    def __init__(self, store: Path) -> None:
        self._client = ControlClient.of_store(store)

    def prepare(self, release: str, *, op_id: str, token: int) -> None:
        self._client.prepare(release, token=token)

    def start(self, release: str, *, op_id: str, token: int) -> None:
        self._client.start(release, token=token)

    def observe(self) -> Observation:
        return read_observation(self._client.observe())

    def route(self, route: Route, *, op_id: str, token: int) -> None:
        arms = tuple(Arm(release, weight) for release, weight in route.weights.items())
        self._client.route(RoutingTable(route.epoch, token, arms, route.stable).to_json(), op_id, token)

    def stop(self, release: str, *, op_id: str, token: int) -> None:
        self._client.stop(release, token=token)

    def prune(self, *, op_id: str, token: int) -> None:
        self._client.prune(token=token)
