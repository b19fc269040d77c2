"""aia-secret-manager: the secret manager of a cloud, in small: numbered versions, and rights for each identity.

Its routes are those of Google's Secret Manager as far as the runbook needs them. Who asks is found out by the
API server (TokenReview); what they may do stands in the mounted policy, as it would in a cloud's IAM.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from pathlib import Path
from typing import Any

import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.aia.cluster import ask
from services.aia.versions import Version, Versions
from services.settings import Settings
from services.web import build, json_body, route

log = logging.getLogger("services.aia.secret_manager")

_PROJECT = os.environ.get("PROJECT", "a-467519")


class Manager:
    """The routes; each finds out first who asks, and whether they may."""

    def __init__(self, versions: Versions, policy: Path) -> None:
        self._versions = versions
        self._policy = policy

    async def _forbidden(self, request: Request, right: str) -> Response | None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        who = await asyncio.to_thread(_identity, token) if kind == "Bearer" else None
        if who is None:
            return JSONResponse({"error": {"code": 401, "status": "UNAUTHENTICATED"}}, 401)
        rights: dict[str, Any] = yaml.safe_load(self._policy.read_text()).get(who) or {}
        name = request.path_params.get("name")
        if right in rights.get("may", ()) and (name is None or name in rights.get("secrets", ())):
            return None
        log.warning("unauthorized: %s may not %s %s", who, right, name or "secrets")
        return JSONResponse({"error": {"code": 403, "status": "PERMISSION_DENIED"}}, 403)

    async def listed(self, request: Request) -> Response:
        """The names of the secrets."""
        if refusal := await self._forbidden(request, "list"):
            return refusal
        return JSONResponse(
            {"secrets": [{"name": f"projects/{_PROJECT}/secrets/{n}"} for n in self._versions.names()]}
        )

    async def versions(self, request: Request) -> Response:
        """The versions of one secret, newest first, without their values."""
        if refusal := await self._forbidden(request, "list"):
            return refusal
        name = request.path_params["name"]
        told = [_told(name, number, v) for number, v in enumerate(self._versions.of(name), start=1)]
        return JSONResponse({"versions": told[::-1]})

    async def access(self, request: Request) -> Response:
        """The value of one enabled version."""
        if refusal := await self._forbidden(request, "access"):
            return refusal
        name, versions = request.path_params["name"], self._versions.of(request.path_params["name"])
        number = _number(request.path_params["version"], versions)
        if not 1 <= number <= len(versions):
            return JSONResponse({"error": {"code": 404, "status": "NOT_FOUND"}}, 404)
        if versions[number - 1]["state"] != "ENABLED":
            return JSONResponse({"error": {"code": 400, "status": "FAILED_PRECONDITION"}}, 400)
        data = base64.b64encode(versions[number - 1]["value"].encode()).decode()
        return JSONResponse(
            {"name": _told(name, number, versions[number - 1])["name"], "payload": {"data": data}}
        )

    async def add(self, request: Request) -> Response:
        """A new version."""
        if refusal := await self._forbidden(request, "add"):
            return refusal
        body = await json_body(request, payload=dict)
        payload: Any = body["payload"]
        name = request.path_params["name"]
        number = self._versions.add(name, base64.b64decode(payload["data"]).decode())
        log.info("version %d of %s added", number, name)
        return JSONResponse(_told(name, number, self._versions.of(name)[-1]))

    async def disable(self, request: Request) -> Response:
        """The version, which from now on nobody can read."""
        if refusal := await self._forbidden(request, "disable"):
            return refusal
        name, number = request.path_params["name"], int(request.path_params["version"])
        if not 1 <= number <= len(self._versions.of(name)):
            return JSONResponse({"error": {"code": 404, "status": "NOT_FOUND"}}, 404)
        self._versions.disable(name, number)
        log.info("version %d of %s disabled", number, name)
        return JSONResponse(_told(name, number, self._versions.of(name)[number - 1]))


def _identity(token: str) -> str | None:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    status = ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)["status"]
    return str(status["user"]["username"]) if status.get("authenticated") else None


def _number(said: str, versions: list[Version]) -> int:
    return len(versions) if said == "latest" else int(said)


def _told(name: str, number: int, version: Version) -> dict[str, str]:
    place = f"projects/{_PROJECT}/secrets/{name}/versions/{number}"
    return {"name": place, "state": version["state"], "createTime": version["created"]}


def application(settings: Settings) -> Starlette:
    """The secret manager; a secret of SEEDS (`name=VARIABLE ...`) that has no version yet gets its first."""
    versions = Versions(Path(os.environ.get("SECRETS_FILE", "/var/lib/secrets/versions.json")))
    for seed in os.environ.get("SEEDS", "").split():
        name, _, variable = seed.partition("=")
        if not versions.of(name):
            versions.add(name, os.environ[variable])
    manager = Manager(versions, Path(os.environ.get("POLICY_FILE", "/etc/secret-manager/iam.yaml")))
    secrets = f"/v1/projects/{_PROJECT}/secrets"
    return build(
        settings,
        [
            route(secrets, manager.listed),
            route(f"{secrets}/{{name:str}}/versions", manager.versions),
            route(f"{secrets}/{{name:str}}/versions/{{version:str}}:access", manager.access),
            route(f"{secrets}/{{name:str}}/versions/{{version:str}}:disable", manager.disable, method="POST"),
            route(f"{secrets}/{{name:str}}:addVersion", manager.add, method="POST"),
        ],
    )
