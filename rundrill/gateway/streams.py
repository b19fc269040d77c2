"""Commands in containers and ports of pods by the API server's WebSockets: no child process, a connection each."""

import json
import ssl
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import websocket

from rundrill.errors import TargetError
from rundrill.gateway.apiserver import Access
from rundrill.gateway.kubectl import Completed
from rundrill.gateway.refusals import status_of

OPENS_S = 5.0
_STDOUT, _STDERR, _STATUS = 1, 2, 3

Stream = websocket.WebSocket
StreamError = websocket.WebSocketException
NotYet = websocket.WebSocketTimeoutException
type Place = tuple[str, str, int]
"""Namespace, pod and port."""


class Streams:
    """What one API server lets us stream; safe to use from several threads."""

    def __init__(self, access: Callable[[], Access]) -> None:
        self._access = access
        self._tls: ssl.SSLContext | None = None

    def run(
        self, namespace: str, pod: str, container: str | None, argv: list[str], timeout: float
    ) -> Completed:
        """Exit code and output of a command in a container; TargetError where it was not started or not in time."""
        asked = [("stdout", "1"), ("stderr", "1"), *(("command", word) for word in argv)]
        asked += [("container", container)] if container else []
        where = f"exec in {namespace}/{pod}"
        stream = self._open(f"{_pod(namespace, pod)}/exec?{urlencode(asked)}", "v4.channel.k8s.io", where)
        deadline = time.monotonic() + timeout
        heard: dict[int, bytearray] = {channel: bytearray() for channel in (_STDOUT, _STDERR, _STATUS)}
        try:
            while not heard[_STATUS]:
                stream.settimeout(max(0.01, deadline - time.monotonic()))
                frame = frame_of(stream)
                if not frame:
                    break
                if frame[0] in heard:
                    heard[frame[0]] += frame[1:]
        except websocket.WebSocketTimeoutException:
            raise TargetError(f"{where}: {argv[0]} ran longer than {timeout:g} s") from None
        except (websocket.WebSocketException, OSError) as error:
            raise TargetError(f"{where}: {error}") from None
        finally:
            hang_up(stream)
        return Completed(_code(bytes(heard[_STATUS]), where), bytes(heard[_STDOUT]), bytes(heard[_STDERR]))

    def connect(self, place: Place) -> Stream:
        """A stream that is one connection to a port of a pod; TargetError where it cannot be opened."""
        namespace, pod, port = place
        path = f"{_pod(namespace, pod)}/portforward?ports={port}"
        return self._open(path, "v4.channel.k8s.io", f"port {port} of {namespace}/{pod}")

    def _open(self, path: str, protocol: str, where: str) -> Stream:
        known = self._access()
        address = urlsplit(known.url)
        scheme = "wss" if address.scheme == "https" else "ws"
        try:
            return websocket.create_connection(
                f"{scheme}://{address.netloc}{path}",
                timeout=OPENS_S,
                header=[f"{name}: {value}" for name, value in known.headers.items()],
                subprotocols=[protocol],
                sslopt={"context": self._context(known)},
                suppress_origin=True,
                enable_multithread=True,
                skip_utf8_validation=True,
                **_by_proxy(known.proxy),
            )
        except websocket.WebSocketBadStatusException as error:
            body: Any = error.resp_body or b""
            said = status_of(error.status_code, body).get("message") or body.decode(errors="replace").strip()
            raise TargetError(f"{where}: {error.status_code} {said[:300]}") from None
        except (websocket.WebSocketException, OSError) as error:
            raise TargetError(f"{where}: {' '.join(str(error).split())[:300]}") from None

    def _context(self, known: Access) -> ssl.SSLContext:
        if self._tls is None:
            context = ssl.create_default_context(cafile=known.ca)
            if not known.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if known.certificate:
                context.load_cert_chain(*known.certificate)
            self._tls = context
        return self._tls


def frame_of(stream: Stream) -> bytes:
    """The next message, its channel first; nothing when the other side has ended."""
    frame = stream.recv()
    return frame.encode() if isinstance(frame, str) else frame


def hang_up(stream: Stream) -> None:
    """Ends a stream without a word of farewell."""
    end: Callable[[], None] = stream.shutdown
    end()


def _pod(namespace: str, pod: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{pod}"


def _by_proxy(proxy: str | None) -> dict[str, Any]:
    """How websocket-client is told of a proxy; without one it shall not look for it in the environment."""
    if not proxy:
        return {"http_no_proxy": ["*"]}
    address = urlsplit(proxy)
    return {"http_proxy_host": address.hostname, "http_proxy_port": address.port, "proxy_type": "http"}


def _code(status: bytes, where: str) -> int:
    """The exit code in the status that ends a command; TargetError where it tells that there was none."""
    said: dict[str, Any] = json.loads(status) if status else {"message": "ended without a status"}
    if said.get("status") == "Success":
        return 0
    causes = (said.get("details") or {}).get("causes") or ()
    if said.get("reason") == "NonZeroExitCode":
        return int(next(one["message"] for one in causes if one.get("reason") == "ExitCode"))
    raise TargetError(f"{where}: {said.get('message')}")
