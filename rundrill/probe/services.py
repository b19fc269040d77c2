"""Questions to servers: by HTTP, by name, by certificate, along the network."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rundrill.probe.frozen import Frozen, Inside
from rundrill.target import SecretRef
from rundrill.units import Address


class Basic(Frozen):
    """A user's name, and a password by reference or, where it is known to everybody, as it stands."""

    user: str
    password: SecretRef | None = None
    literal: str | None = None
    """A default password that must be refused, such as `admin`."""

    @model_validator(mode="after")
    def _one(self) -> "Basic":
        if (self.password is None) == (self.literal is None):
            raise ValueError("expected one of `password` (a reference) and `literal`")
        return self


class HttpProbe(Frozen):
    """One request from inside the cluster's network. Facts: status (int), body (text), json.<path> (parsed; `#` counts a list), took (seconds)."""

    service: Address
    """namespace/name:port, or `https:namespace/name:port`."""
    path: Annotated[str, Field(pattern="^/")]
    host: str | None = None
    every_pod: bool = False
    """Ask each ready pod behind the service: one reading a pod, not one for the service."""
    method: Literal["GET", "HEAD", "OPTIONS", "POST"] = "GET"
    """POST only where the server changes nothing by it, such as a validation or a login that must be refused."""
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | dict[str, object] | None = None
    """Text as it stands, or a mapping that is sent as JSON."""
    bearer: SecretRef | None = None
    basic: Basic | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "HttpProbe":
        if self.body is not None and self.method != "POST":
            raise ValueError(f"method {self.method} takes no body (try method: POST)")
        if self.bearer and self.basic:
            raise ValueError("found bearer and basic, expected at most one")
        return self


class DnsProbe(Frozen):
    """A name as pods resolve it. Facts: found (bool), addresses (text), count, took (seconds), a reading a pod."""

    name: str
    from_: Annotated[Inside, Field(alias="from")]


class TlsProbe(Frozen):
    """The certificate that a server shows. Facts: valid_for and age (seconds), subject, issuer, names (text), version, trusted (bool: chain and name)."""

    service: Address
    server_name: str
    authority: str | None = None
    """namespace/config-map/key of the authority's certificate; the machine's own authorities where nothing is said."""

    @model_validator(mode="after")
    def _authority(self) -> "TlsProbe":
        if self.authority is not None and self.authority.count("/") != 2:
            raise ValueError(f"authority {self.authority!r} is no key (try namespace/config-map/key)")
        return self


class CertificateProbe(Frozen):
    """The public certificate in a Secret's tls.crt. Facts: found, valid_for and age (seconds), subject, issuer, names (text)."""

    secret: Annotated[str, Field(pattern="^[a-z0-9.-]+/[a-z0-9.-]+$")]
    """namespace/name"""
    key: str = "tls.crt"


class NetworkProbe(Frozen):
    """Whether pods may and can reach a port. Facts: policy_allows (bool, by the NetworkPolicies), reached (bool, tried inside), took (seconds)."""

    from_: Annotated[Inside, Field(alias="from")]
    to: Address
