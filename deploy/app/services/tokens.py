"""Password hashes and signed session tokens (JWT, HS256), with the standard library alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets


def hash_password(password: str, rounds: int, salt: bytes | None = None) -> str:
    """`rounds$salt$digest` of PBKDF2-HMAC-SHA256, in hex."""
    salt = secrets.token_bytes(16) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    return f"{rounds}${salt.hex()}${digest.hex()}"


def password_matches(password: str, stored: str) -> bool:
    """Whether the password has this stored hash."""
    rounds, salt, _ = stored.split("$")
    return hmac.compare_digest(hash_password(password, int(rounds), bytes.fromhex(salt)), stored)


def sign(claims: dict[str, object], secret: str) -> str:
    """The claims as a signed token."""
    body = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
    return f"{body}.{_signature(body, secret)}"


def verify(token: str, secret: str, now: float) -> dict[str, object] | None:
    """The token's claims; None where it is malformed, signed by another key, or expired."""
    body, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_signature(body, secret).encode(), signature.encode()):
        return None
    payload = body.partition(".")[2]
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    expires = claims.get("exp")
    return claims if isinstance(expires, int | float) and expires > now else None


def _encoded(value: object) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _signature(body: str, secret: str) -> str:
    return _base64(hmac.digest(secret.encode(), body.encode(), "sha256"))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
