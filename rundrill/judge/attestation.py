"""Whether a person's signed record is there and still fresh."""

from datetime import datetime

from rundrill.evidence import AttestationSeen
from rundrill.judge.words import clock_text, time_text
from rundrill.promise import Promise
from rundrill.verdict import Outcome, Verdict


def judge_attestation(promise: Promise, seen: AttestationSeen, now: datetime) -> Verdict:
    """MET while the record is fresh; no record and an old one are UNKNOWN, since nobody knows how it is today."""
    attestation = promise.attestation
    assert attestation is not None
    if not seen.signed_by or seen.signed_at is None or seen.expires_at is None:
        return Verdict(promise.id, Outcome.UNKNOWN, f"no signed record of: {attestation.act}")
    until = min(seen.expires_at, seen.signed_at + attestation.renewed_every)
    measured = {
        "signed_by": seen.signed_by,
        "signed_at": seen.signed_at.isoformat(),
        "expires_at": until.isoformat(),
    }
    notes = (seen.note,) if seen.note else ()
    if seen.signed_at > now:
        reason, outcome = f"the record is dated in the future ({clock_text(seen.signed_at)})", Outcome.UNKNOWN
    elif now >= until:
        reason, outcome = f"the record by {seen.signed_by} expired on {until:%Y-%m-%d}", Outcome.UNKNOWN
    else:
        every = time_text(attestation.renewed_every)
        reason = f"signed by {seen.signed_by} on {seen.signed_at:%Y-%m-%d}, renewed every {every}, good until {until:%Y-%m-%d}"
        outcome = Outcome.MET
    return Verdict(promise.id, outcome, reason, measured, notes)
