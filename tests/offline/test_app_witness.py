"""The witness keeps what it is sent, by webhook and by mail, and tells when."""

import asyncio
import json
import smtplib
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import app_sources  # noqa: F401 # makes `services` importable
import pytest
from services.book import Book, of_mail, of_webhook
from services.mail import Mail, listen

WEBHOOK = {
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "ServiceDown", "severity": "critical"},
            "annotations": {"summary": "away"},
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "abc",
            "generatorURL": "left out",
        }
    ],
}


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "book.jsonl")


def test_a_webhook_is_kept_with_channel_arrival_and_its_own_words(book: Book) -> None:
    raw = json.dumps(WEBHOOK)
    before = datetime.now(UTC)
    book.write(of_webhook("pagerduty-critical", raw))
    [kept] = book.found("pagerduty-critical", "ServiceDown", None)
    assert before <= datetime.fromisoformat(str(kept["arrived_at"])) <= datetime.now(UTC)
    assert (kept["channel"], kept["status"], kept["raw"]) == ("pagerduty-critical", "firing", raw)
    assert kept["alerts"][0]["fingerprint"] == "abc"  # type: ignore[index]


def test_a_restart_loses_nothing_and_goes_on_counting(tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    Book(path).write(of_webhook("a", json.dumps(WEBHOOK)))
    again = Book(path)
    again.write(of_webhook("b", json.dumps(WEBHOOK)))
    assert [(entry["seq"], entry["channel"]) for entry in again.found(None, None, None)] == [
        (1, "a"),
        (2, "b"),
    ]


def test_a_half_written_last_line_does_not_hide_the_others(tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    Book(path).write(of_webhook("a", json.dumps(WEBHOOK)))
    path.write_text(path.read_text() + '{"seq": 2, "chan')
    assert len(Book(path).found(None, None, None)) == 1


@pytest.mark.parametrize(
    ("channel", "alertname", "count"),
    [
        pytest.param("other", None, 0, id="another channel has none"),
        pytest.param(None, "Other", 0, id="another alert has none"),
        pytest.param("a", "ServiceDown", 1, id="channel and alert together find it"),
    ],
)
def test_notifications_are_found_by_channel_and_alert(
    book: Book, channel: str | None, alertname: str | None, count: int
) -> None:
    book.write(of_webhook("a", json.dumps(WEBHOOK)))
    assert len(book.found(channel, alertname, None)) == count


def test_what_came_before_the_asked_time_is_not_shown(book: Book) -> None:
    book.write(of_webhook("a", json.dumps(WEBHOOK)))
    assert book.found(None, None, datetime.now(UTC) + timedelta(seconds=1)) == []


@pytest.mark.parametrize("raw", ["[]", "{}", '{"alerts": 3}', '{"alerts": [{"labels": 7}]}', "not json"])
def test_what_is_no_webhook_is_refused(raw: str) -> None:
    with pytest.raises(ValueError):
        of_webhook("a", raw)


def test_a_mail_over_smtp_arrives_once_for_each_recipient_with_its_headers_decoded() -> None:
    kept: list[Mail] = []
    asyncio.run(_send_one(kept))
    assert [mail.recipient for mail in kept] == ["email-ops@witness", "boss@witness"]
    notification = of_mail(kept[0])
    assert notification["channel"] == "email-ops"
    assert notification["subject"] == "Störung"
    assert notification["status"] == "firing"
    assert notification["alerts"] == [{"status": "firing", "labels": {"alertname": "DiskLow"}}]
    # A line that begins with a dot travels doubled.
    assert "\r\n.dotted\r\n" in str(notification["raw"])


async def _send_one(kept: list[Mail]) -> None:
    async def keep(mail: Mail) -> None:
        kept.append(mail)

    server = await listen(0, keep)
    async with server:
        port = next(s.getsockname()[1] for s in server.sockets if s.family == socket.AF_INET)
        await asyncio.to_thread(_mail_to, port)


def _mail_to(port: int) -> None:
    text = (
        "Subject: =?utf-8?q?St=C3=B6rung?=\r\nX-Rundrill-Alertname: DiskLow\r\nX-Rundrill-Status: firing\r\n"
        "\r\nhello\r\n.dotted\r\n"
    )
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
        client.sendmail("alertmanager@cluster", ["email-ops@witness", "boss@witness"], text)
