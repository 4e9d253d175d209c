"""The APIs that a server is asked through, one module each."""

from __future__ import annotations

from stellwerk.components.rehearsal.apis.base import Api, Client, Unanswered
from stellwerk.components.rehearsal.apis.grpc import Grpc
from stellwerk.components.rehearsal.apis.rest import Rest

APIS: dict[str, Api] = {"grpc": Grpc(), "rest": Rest()}
"""Each API by the name that `push.rehearse.api` has for it."""

__all__ = ["APIS", "Api", "Client", "Unanswered"]
