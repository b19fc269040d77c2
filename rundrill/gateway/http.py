"""HTTP by requests: to servers behind the API server's proxy, and to a forwarded port with its own host name."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from rundrill.gateway.kubernetes import Access


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of one request, and how long it took in seconds."""

    status: int
    body: bytes
    headers: dict[str, str]
    took_s: float


class HttpError(Exception):
    """No answer: refused, cut or too late."""


def proxied_session(access: Callable[[], Access]) -> requests.Session:
    """A session that the API server knows, with no retries and nothing taken from the environment."""
    known = access()
    session = requests.Session()
    session.trust_env = False
    session.verify = known.ca if known.verify and known.ca else known.verify
    session.cert = known.certificate
    if known.proxy:
        session.proxies = {"https": known.proxy, "http": known.proxy}

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(access().headers)
        return request

    session.auth = sign
    adapter = HTTPAdapter(max_retries=0, pool_maxsize=16)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@dataclass(frozen=True)
class Request:
    """What is asked of a path; the credentials stay out of every printed form."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    authorization: str | None = field(default=None, repr=False)


def send(address: tuple[str, int], scheme: str, request: Request, timeout_s: float = 5) -> Answer:
    """The answer of a server to one request; HttpError where there is none.

    A certificate is not looked at, as the API server's own proxy does not: whether to trust it is another question.
    """
    with requests.Session() as session:
        session.trust_env = False
        session.verify = False
        return _send(session, f"{scheme}://{address[0]}:{address[1]}", request, timeout_s)


def _send(session: requests.Session, root: str, request: Request, timeout_s: float) -> Answer:
    headers = dict(request.headers)
    if request.authorization:
        headers["Authorization"] = request.authorization
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = session.request(
                request.method,
                root + request.path,
                headers=headers,
                data=request.content,
                timeout=(min(timeout_s, 5), timeout_s),
                allow_redirects=False,
            )
    except (requests.RequestException, OSError) as error:
        raise HttpError(str(error)) from None
    return Answer(answer.status_code, answer.content, dict(answer.headers), answer.elapsed.total_seconds())


def ask(session: requests.Session, url: str, params: dict[str, str], timeout_s: float) -> Answer:
    """The answer to a GET; HttpError where there is none."""
    try:
        answer = session.get(
            url, params=params, timeout=(min(timeout_s, 5), timeout_s), allow_redirects=False
        )
    except (requests.RequestException, OSError) as error:
        raise HttpError(str(error)) from None
    return Answer(answer.status_code, answer.content, dict(answer.headers), answer.elapsed.total_seconds())


class _NamedHost(HTTPAdapter):
    """Speaks TLS to one host name wherever the connection leads."""

    def __init__(self, host: str) -> None:
        self._host = host
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(
            *arguments, **options, server_hostname=self._host, assert_hostname=self._host
        )


def send_by_name(
    scheme: str, address: tuple[str, int], host: str, request: Request, ca: str | None, timeout_s: float = 5
) -> Answer:
    """A request to a named host at an address that stands in for it; `ca` is a file, certificates are checked against it."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = ca if ca else True
        session.mount("https://", _NamedHost(host))
        session.headers["Host"] = host
        return _send(session, f"{scheme}://{address[0]}:{address[1]}", request, timeout_s)
