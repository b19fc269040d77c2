"""Each probe sees the real thing break: its promise was MET, and is MISSED with a reason that names the cause."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from probe_ground import NAME, SPACE, Ground, certificate, ground

from rundrill.errors import NoEvidence, RundrillError
from rundrill.verdict import Outcome, Verdict
from rundrill.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.apart]

SOON = timedelta(seconds=25)
INSIDE = {"namespace": SPACE, "selector": "app=ground"}

type Probe = dict[str, Any]


@pytest.fixture(scope="module")
def here() -> Iterator[Ground]:
    with ground() as made:
        yield made


def is_seen(here: Ground, probe: Probe, expect: Probe, break_it: Callable[[], object], reason: str) -> None:
    """MET before, and soon after the breakage MISSED for that reason."""
    before = eventually(here, probe, expect, Outcome.MET)
    assert before.outcome is Outcome.MET, before.reason
    break_it()
    after = eventually(here, probe, expect, Outcome.MISSED)
    assert after.outcome is Outcome.MISSED, after.reason
    assert re.search(reason, after.reason), after.reason


def eventually(here: Ground, probe: Probe, expect: Probe, outcome: Outcome) -> Verdict:
    """The first verdict of that outcome, or the last one there was."""
    seen: list[Verdict] = []

    def look() -> bool:
        try:
            seen.append(here.judged(probe, expect))
        except RundrillError as error:
            seen.append(Verdict("probes.it", Outcome.UNKNOWN, str(error)))
        return seen[-1].outcome is outcome

    until(look, SOON)
    return seen[-1]


def test_a_file_that_is_gone(here: Ground) -> None:
    probe = {"http": {"service": f"{SPACE}/ground:8000", "path": "/health"}}
    inside = {"in-pod": {**INSIDE, "container": "web", "file": "/scratch/www/health"}}
    assert eventually(here, inside, {"exists": {"equals": True}}, Outcome.MET).outcome is Outcome.MET
    gone = lambda: here.inside("web", "rm /scratch/www/health")  # noqa: E731
    is_seen(here, probe, {"status": {"equals": 200}}, gone, "status is 404, expected 200")
    after = here.judged(inside, {"exists": {"equals": True}})
    assert (after.outcome, after.reason) == (Outcome.MISSED, "ground: exists is false, expected true")


def test_a_process_that_is_gone(here: Ground) -> None:
    here.inside("web", "setsid sleep 86399 >/dev/null 2>&1 </dev/null &")
    probe = {"in-pod": {**INSIDE, "container": "web", "process": "sleep 86399"}}
    gone = lambda: here.inside("web", "pkill -f '[s]leep 86399'")  # noqa: E731
    is_seen(here, probe, {"processes": {"equals": 1}}, gone, "processes is 0, expected 1")


def test_a_workload_that_is_scaled_to_nothing(here: Ground) -> None:
    probe = {"workload": {"kind": "Deployment", "namespace": SPACE, "names": ["idle"]}}
    scale = lambda: here.patch("apps/v1/Deployment", "idle", {"spec": {"replicas": 0}})  # noqa: E731
    is_seen(here, probe, {"ready": {"at_least": 1}}, scale, f"{SPACE}/idle: ready is 0, expected at least 1")


def test_an_object_that_is_changed(here: Ground) -> None:
    probe = {
        "object": {
            "api": "v1/ConfigMap",
            "namespace": SPACE,
            "names": ["settings"],
            "fields": {"tier": "metadata.labels.tier"},
        }
    }
    change = lambda: here.patch("v1/ConfigMap", "settings", {"metadata": {"labels": {"tier": "tin"}}})  # noqa: E731
    is_seen(here, probe, {"tier": {"equals": "gold"}}, change, "tier is tin, expected gold")


def test_a_setting_that_is_wrong(here: Ground) -> None:
    probe = {
        "config": {
            "namespace": SPACE,
            "config_map": "settings",
            "key": "app.properties",
            "format": "properties",
            "fields": {"most": "pool.max"},
        }
    }
    change = lambda: here.patch("v1/ConfigMap", "settings", {"data": {"app.properties": "pool.max=5"}})  # noqa: E731
    is_seen(here, probe, {"most": {"equals": 20}}, change, "most is 5, expected 20")
    env = {"config": {"namespace": SPACE, "deployment": "idle", "fields": {"level": "LEVEL"}}}
    louder = lambda: here.patch("v1/ConfigMap", "settings", {"data": {"LEVEL": "DEBUG"}})  # noqa: E731
    is_seen(here, env, {"level": {"equals": "INFO"}}, louder, "level is DEBUG, expected INFO")


def test_a_secret_that_is_an_example(here: Ground) -> None:
    probe = {"secret": {"namespace": SPACE, "names": ["api-keys"], "key": "key"}}
    change = lambda: here.patch("v1/Secret", "api-keys", {"stringData": {"key": "changeme"}})  # noqa: E731
    expect = {"bits": {"at_least": 128}, "placeholder": {"equals": False}}
    is_seen(here, probe, expect, change, "bits is .*, expected at least 128, and placeholder is true")


def test_a_right_too_many(here: Ground) -> None:
    account = f"system:serviceaccount:{SPACE}:web"
    access = {"access": {"as": account, "verb": "list", "resource": "secrets", "namespace": SPACE}}
    assert here.judged(access, {"allowed": {"equals": False}}).outcome is Outcome.MET
    all_of_it = {"rules": [{"apiGroups": [""], "resources": ["*"], "verbs": ["*"]}]}
    change = lambda: here.patch("rbac.authorization.k8s.io/v1/Role", "web", all_of_it)  # noqa: E731
    is_seen(
        here,
        {"rbac": {"namespace": SPACE}},
        {"wildcard": {"equals": False}},
        change,
        f"{SPACE}/web: wildcard is true",
    )
    after = eventually(here, access, {"allowed": {"equals": False}}, Outcome.MISSED)
    assert re.search("web list secrets .*allowed is true", after.reason), after.reason
    accounts = {"accounts": {"namespace": SPACE}}
    after = eventually(here, accounts, {"can_read_secrets": {"equals": False}}, Outcome.MISSED)
    assert f"Deployment {SPACE}/idle: can_read_secrets is true" in after.reason


def test_a_pod_that_nothing_can_run(here: Ground) -> None:
    probe = {"events": {"namespace": SPACE, "type": "Warning", "reason": "FailedScheduling", "since": "5m"}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "lost"},
        "spec": {"nodeSelector": {"no": "such"}, "containers": [{"name": "x", "image": "none"}]},
    }
    lose = lambda: here.create(json.dumps(pod))  # noqa: E731
    is_seen(here, probe, {"count": {"equals": 0}}, lose, "count is 1, expected 0")


def test_a_claim_that_nothing_serves(here: Ground) -> None:
    probe = {"claims": {"namespace": SPACE}}
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "lost"},
        "spec": {
            "storageClassName": "none",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    lose = lambda: here.create(json.dumps(claim))  # noqa: E731
    is_seen(here, probe, {"bound": {"equals": True}}, lose, f"{SPACE}/lost: bound is false")


def test_a_way_that_is_closed(here: Ground) -> None:
    probe = {
        "network": {"from": {"namespace": SPACE, "selector": "app=ground"}, "to": f"{SPACE}/ground:8000"}
    }
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "none"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    close = lambda: here.create(json.dumps(policy))  # noqa: E731
    is_seen(here, probe, {"policy_allows": {"equals": True}}, close, "policy_allows is false, expected true")
    here.session.kube.delete("networking.k8s.io/v1/NetworkPolicy", SPACE, "none")


def test_a_port_that_nobody_listens_on(here: Ground) -> None:
    probe = {"network": {"from": {"namespace": SPACE, "selector": "app=ground"}, "to": f"{SPACE}/named:8000"}}
    elsewhere = {"spec": {"ports": [{"port": 8000, "targetPort": 8999}]}}
    change = lambda: here.patch("v1/Service", "named", elsewhere)  # noqa: E731
    is_seen(here, probe, {"reached": {"equals": True}}, change, "reached is false, expected true")


def test_a_name_that_is_gone(here: Ground) -> None:
    probe = {"dns": {"name": f"named.{SPACE}", "from": {**INSIDE, "container": "web"}}}
    lose = lambda: here.session.kube.delete("v1/Service", SPACE, "named")  # noqa: E731
    is_seen(here, probe, {"found": {"equals": True}}, lose, "named.* is not there")


def test_a_certificate_that_has_expired(here: Ground) -> None:
    shown = {
        "tls": {
            "service": f"{SPACE}/ground:8443",
            "server_name": NAME,
            "authority": f"{SPACE}/authority/ca.crt",
        }
    }
    expect = {"trusted": {"equals": True}, "valid_for": {"above": "1d"}}
    swap = [{"op": "replace", "path": "/spec/ports/1/targetPort", "value": 8444}]
    change = lambda: here.session.kube.patch("v1/Service", SPACE, "ground", swap, kind="json")  # noqa: E731
    is_seen(here, shown, expect, change, f"{NAME}: trusted is false, expected true, and valid_for is -")
    stored = {"certificate": {"secret": f"{SPACE}/tls-good"}}
    replace = lambda: here.patch("v1/Secret", "tls-good", {"stringData": {"tls.crt": certificate(-2)[0]}})  # noqa: E731
    is_seen(here, stored, {"valid_for": {"above": 0}}, replace, f"{SPACE}/tls-good: valid_for is -")


def psql(here: Ground, statement: str) -> str:
    return here.inside(
        "postgres",
        f'PATH=/usr/lib/postgresql/17/bin:$PATH; psql -h /var/lib/postgresql -U postgres -c "{statement}"',
    )


def test_a_setting_of_postgresql_that_is_wrong(here: Ground) -> None:
    def change() -> None:
        psql(here, "ALTER SYSTEM SET work_mem = '8MB'")
        psql(here, "SELECT pg_reload_conf()")

    is_seen(
        here,
        {"postgres-setting": {"setting": "work_mem"}},
        {"value": {"equals": "4MB"}},
        change,
        "work_mem is 8MB, expected 4MB",
    )


def test_rows_and_then_a_table_that_are_gone(here: Ground) -> None:
    psql(here, "CREATE TABLE orders AS SELECT generate_series(1, 3)")
    probe = {"sql": {"query": "SELECT count(*) AS orders FROM orders"}}
    is_seen(
        here,
        probe,
        {"orders": {"at_least": 1}},
        lambda: psql(here, "DELETE FROM orders"),
        "orders is 0, expected at least 1",
    )
    psql(here, "DROP TABLE orders")
    with pytest.raises(NoEvidence, match='relation "orders" does not exist'):
        here.judged(probe, {"orders": {"at_least": 1}})


def test_a_connection_that_was_cut_is_made_anew(here: Ground) -> None:
    sql, one = {"sql": {"query": "SELECT 1 AS one"}}, {"one": {"equals": 1}}
    assert here.judged(sql, one).outcome is Outcome.MET
    psql(here, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rundrill'")
    assert here.judged(sql, one).outcome is Outcome.MET
    ping, pong = {"redis": {"command": "PING"}}, {"reply": {"equals": "PONG"}}
    assert here.judged(ping, pong).outcome is Outcome.MET
    here.inside("redis", "redis-cli --no-auth-warning -a scratch CLIENT KILL TYPE normal SKIPME yes")
    assert here.judged(ping, pong).outcome is Outcome.MET


def test_a_key_that_never_expires(here: Ground) -> None:
    say = "redis-cli --no-auth-warning -a scratch"
    here.inside("redis", f"{say} SET request:1 x EX 500; {say} SET request:2 x EX 500")
    change = lambda: here.inside("redis", f"{say} PERSIST request:2")  # noqa: E731
    is_seen(
        here,
        {"redis": {"keys": "request:*"}},
        {"without_expiry": {"equals": 0}},
        change,
        "without_expiry is 1, expected 0",
    )
    evict = lambda: here.inside("redis", f"{say} CONFIG SET maxmemory-policy allkeys-lru")  # noqa: E731
    probe = {"redis": {"command": "CONFIG GET maxmemory-policy"}}
    is_seen(
        here, probe, {"maxmemory-policy": {"equals": "noeviction"}}, evict, "maxmemory-policy is allkeys-lru"
    )


def test_messages_that_nobody_reads(here: Ground) -> None:
    from kafka import KafkaConsumer, KafkaProducer
    from kafka.admin import NewTopic

    broker: Any = here.session.kafka("probes")
    broker._client.create_topics([NewTopic("orders", 2, 1)])
    way = {"bootstrap_servers": "ground:9092", "proxy_url": f"rundrill://{broker._name}"}
    producer = KafkaProducer(**way)
    producer.send("orders", b"first", partition=0)
    producer.flush()
    reader = KafkaConsumer(
        "orders", group_id="tills", auto_offset_reset="earliest", enable_auto_commit=False, **way
    )

    def reads() -> bool:
        found = reader.poll(500)
        if found:
            reader.commit()
        return bool(found)

    try:
        assert until(reads, SOON)

        def send() -> None:
            for number in range(5):
                producer.send("orders", b"more", partition=number % 2)
            producer.flush()

        groups = {"kafka": {"groups": ["tills"]}}
        is_seen(
            here,
            groups,
            {"lag": {"equals": 0}, "unowned": {"equals": 0}},
            send,
            "tills: lag is 5, expected 0",
        )
    finally:
        reader.close()
        producer.close()
    after = eventually(here, groups, {"members": {"at_least": 1}}, Outcome.MISSED)
    assert "tills: members is 0, expected at least 1" in after.reason
    topics = {"kafka": {"topics": ["orders"]}}
    assert here.judged(topics, {"partitions": {"equals": 2}, "leaders": {"equals": 2}}).outcome is Outcome.MET
    is_seen(
        here,
        topics,
        {"found": {"equals": True}},
        lambda: broker._client.delete_topics(["orders"]),
        "orders is not there",
    )


def test_a_figure_that_is_too_high(here: Ground) -> None:
    change = lambda: here.inside("web", "echo 'orders_open 300' > /scratch/www/metrics.txt")  # noqa: E731
    is_seen(
        here,
        {"promql": {"query": "orders_open"}},
        {"value": {"below": 100}},
        change,
        "is 300, expected below 100",
    )


def test_a_rule_that_is_not_what_was_promised(here: Ground) -> None:
    def change() -> None:
        here.inside(
            "prometheus", "sed -i s/critical/info/ /scratch/rules.yml; curl -sfX POST localhost:9090/-/reload"
        )

    is_seen(
        here,
        {"rule": {"alert": "TooManyOrders"}},
        {"severity": {"equals": "critical"}},
        change,
        "TooManyOrders: severity is info",
    )


def test_lines_that_tell_of_a_fault(here: Ground) -> None:
    probe = {"logs": {**INSIDE, "container": "web", "lines": 5, "matching": "ERROR"}}
    change = lambda: here.inside("web", "echo ERROR > /scratch/line")  # noqa: E731
    is_seen(here, probe, {"matching": {"equals": 0}}, change, "ground: matching is [1-5], expected 0")


def test_a_dump_that_is_cut_short(here: Ground) -> None:
    write = "(echo 'SELECT 1;'; echo '-- PostgreSQL database dump complete') | gzip > /shelf/dump_1.sql.gz"
    here.inside("web", write)
    cut = lambda: here.inside("web", "truncate -s 20 /shelf/dump_1.sql.gz")  # noqa: E731
    is_seen(
        here,
        {"backup": {"backup": "dump"}},
        {"complete": {"equals": True}},
        cut,
        "complete is false, expected true",
    )


def test_an_export_that_lacks_a_kind(here: Ground) -> None:
    maps = here.session.kube.items("v1/ConfigMap", SPACE)
    probe = {
        "export": {
            "namespace": SPACE,
            "claim": "shelf",
            "directory": "/shelf",
            "pattern": "export_*.json",
            "namespaces": [SPACE],
            "kinds": ["v1/ConfigMap", "v1/ServiceAccount"],
        }
    }

    def write(number: int, items: list[dict[str, Any]]) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items}).replace("'", "")
        here.inside(
            "web",
            f"sleep 1; printf %s '{text}' > /shelf/export_{number}.json; chmod 600 /shelf/export_{number}.json",
        )

    write(1, [*maps, *here.session.kube.items("v1/ServiceAccount", SPACE)])
    expect = {"missing_kinds": {"equals": ""}, "mode": {"equals": "600"}}
    is_seen(
        here,
        probe,
        expect,
        lambda: write(2, maps),
        "export_2.json: missing_kinds is ServiceAccount, expected",
    )
    here.inside("web", "sleep 1; echo '{' > /shelf/export_3.json")
    after = here.judged(probe, {"parses": {"equals": True}})
    assert "export_3.json: parses is false" in after.reason
