"""A person's signed record, as it stands in attestations.yaml."""

from collections.abc import Iterable
from datetime import UTC, datetime, time

from rundrill.asking import Seen, answered
from rundrill.evidence import AttestationSeen
from rundrill.promise import Promise, Record


def see_record(promise: Promise, records: Iterable[Record]) -> Seen:
    """The newest record for a promise, and the day it expires; empty where nobody signed one."""
    attestation = promise.attestation
    assert attestation is not None
    ours = sorted(
        (record for record in records if record.promise == promise.id), key=lambda one: one.signed_on
    )
    raw = answered("attestations", promise.id, [record.model_dump(mode="json") for record in ours])
    if not ours:
        return AttestationSeen(None, None, None), (raw,)
    newest = ours[-1]
    signed = datetime.combine(newest.signed_on, time(), UTC)
    return AttestationSeen(newest.signed_by, signed, signed + attestation.renewed_every, newest.note), (raw,)
