"""The API server by its HTTP: the context of a kubeconfig, one connection pool, explicit time-outs, no retries."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.kube_config import load_kube_config
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from rundrill.errors import TargetError
from rundrill.gateway.refusals import Unreachable

JSON = "application/json"
CONNECT_S = 5.0
READ_S = 15.0


@dataclass(frozen=True)
class Access:
    """What another HTTP client needs to talk to the same API server."""

    url: str
    ca: str | None
    certificate: tuple[str, str] | None
    headers: Mapping[str, str]
    proxy: str | None
    verify: bool


class ApiServer:
    """One API server, by one context of a kubeconfig; safe to use from several threads."""

    def __init__(self, kubeconfig: Path, context: str) -> None:
        self._lock = threading.Lock()
        self._configuration = Configuration()
        try:
            load = cast(Callable[..., None], load_kube_config)
            load(str(kubeconfig), context=context, client_configuration=self._configuration)
        except (ConfigException, OSError) as error:
            raise TargetError(f"{kubeconfig}: context {context!r}: {error}") from None
        self._configuration.retries = False
        self._configuration.connection_pool_maxsize = 16
        self._pool = RESTClientObject(self._configuration).pool_manager

    @property
    def access(self) -> Access:
        """Address, certificates and token, fresh each time."""
        known = self._configuration
        pair = (known.cert_file, known.key_file) if known.cert_file and known.key_file else None
        return Access(
            known.host, known.ssl_ca_cert, pair, self._headers(), known.proxy, bool(known.verify_ssl)
        )

    def close(self) -> None:
        """Gives the connections back."""
        self._pool.clear()

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
        content: str = JSON,
        accept: str = JSON,
        read_s: float = READ_S,
    ) -> BaseHTTPResponse:
        """The answer, whatever its status; Unreachable where there is none."""
        try:
            return self._pool.request(
                method,
                f"{self._configuration.host}{path}{'?' if query else ''}{urlencode(query or {})}",
                headers={"Accept": accept, "Content-Type": content, **self._headers()},
                timeout=Timeout(connect=CONNECT_S, read=read_s),
                redirect=False,
                retries=False,
                body=None if body is None else json.dumps(body),
            )
        except (HTTPError, OSError) as error:
            raise Unreachable(f"{method} {self._configuration.host}{path}: {error}") from None

    def _headers(self) -> dict[str, str]:
        with self._lock:
            said = self._configuration.get_api_key_with_prefix("BearerToken")
        return {"Authorization": said} if said else {}
