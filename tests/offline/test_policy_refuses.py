"""A policy with a fault is refused in one line that names file, line, entry, what was found and what was expected."""

import shutil
from pathlib import Path

import pytest

from rundrill.errors import PolicyError
from rundrill.policy import load_policy

GOOD = Path(__file__).parents[1] / "policies" / "good"
BAD = Path(__file__).parents[1] / "policies" / "bad"
SHOP = "runbooks/shop.yaml"
FRONT = "slo.yaml"
BUGS = "defects/shop.yaml"


def refusal(path: Path) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    return str(caught.value).splitlines()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the good policy that a test may spoil."""
    return Path(shutil.copytree(GOOD, tmp_path / "shop"))


def test_a_good_policy_is_read_whole() -> None:
    policy = load_policy(GOOD / "slo.yaml")
    kinds = {promise.kind for promise in policy.promises}
    assert kinds == {"objective", "alert", "state", "drill", "restore", "capacity", "attestation"}
    assert policy.records[0].promise == "shop.review.monthly"


CASES = [
    # units
    (SHOP, "target: 99.9%", "target: 99.9", "24: shop.slo.orders.objective.target: '99.9' is not a share (try 99.9%)"),
    (SHOP, "target: 99.9%", "target: 0.999", "24: shop.slo.orders.objective.target: '0.999' is not a share (try 99.9%)"),
    (SHOP, "window: 30d}\n\n  - id: shop.slo.l", "window: 30}\n\n  - id: shop.slo.l", "24: shop.slo.orders.objective.window: '30' is not a duration (try 5m)"),
    (SHOP, "for: 2m", "for: 5x", "38: shop.alert.down.alert.for: '5x' is not a duration (try 5m)"),
    (SHOP, "rate: 600/1m", "rate: 600", "84: shop.slo.throughput.capacity.rate: '600' is not a rate (try 10000/1m)"),
    (SHOP, "errors: 0.1%", "errors: 0.001", "71: shop.procedure.restart.drill.keeps.errors: '0.001' is not a share (try 0.1%)"),
    (SHOP, "at_least: 1Ki", "at_least: big", "65: shop.backup.nightly.state.expect.size.at_least: 'big' is no quantity (try 3, 1s, 85% or 256Mi)"),
    (SHOP, "age: {younger_than: 24h}", "age: {younger_than: 24}", "65: shop.backup.nightly.state.expect.age.younger_than: '24' is not a duration (try 5m)"),
    (SHOP, "window: 30d}\n\n  - id: shop.slo.l", "window: 0s}\n\n  - id: shop.slo.l", "24: shop.slo.orders.objective: a window of no length holds no events (try 30d)"),
    (FRONT, "largest_share: 50%", "largest_share: 0.5", "34: guard.largest_share: '0.5' is not a share (try 50%)"),
    (FRONT, "accelerated: 10", "accelerated: 0", "32: profiles.fast.accelerated: 0 is out of range, expected greater than or equal to 1"),
    (FRONT, "accelerated: 10", "accelerated: fast", "32: profiles.fast.accelerated: found 'fast', expected a whole number"),
    # keys
    (SHOP, "target: 99.9%", "targt: 99.9%", "24: shop.slo.orders.objective.target: is missing"),
    (SHOP, "target: 99.9%", "target: 99.9%, targt: 1", "24: shop.slo.orders.objective.targt: unknown key (did you mean target?)"),
    (SHOP, "for: 2m", "for: 2m\n      fore: 2m", "39: shop.alert.down.alert.fore: unknown key (did you mean for?)"),
    (SHOP, "ready: {same_as", "ready: {sameas", "57: shop.health.pods.state.expect.ready.sameas: unknown key (did you mean same_as?)"),
    (SHOP, "source: Chores", "sauce: Chores", "88: shop.review.monthly.sauce: unknown key (did you mean source?)"),
    (FRONT, "guard: {", "gaurd: {", "34: gaurd: unknown key (did you mean guard?)"),
    (FRONT, "scheme: https", "shceme: https", "13: targets.drill.platforms.shop.ingress.shceme: unknown key (did you mean scheme?)"),
    (SHOP, "gate: should\n    capacity", "gate: should\n    gate: must\n    capacity", "84: shop.slo.throughput.gate: stands twice"),
    # words
    (SHOP, "severity: warning", "severity: wraning", "49: shop.alert.channel-mail.alert.severity: 'wraning' is none of critical, warning, info"),
    (SHOP, "kind: email", "kind: fax", "16: receivers.mailbox.kind: 'fax' is none of pagerduty, slack, email"),
    (SHOP, "receivers: [mailbox]", "receivers: []", "49: shop.alert.channel-mail.alert: receivers is empty; an alert that reaches nobody is none"),
    (SHOP, "receivers: [mailbox]", "receivers: mailbox", "49: shop.alert.channel-mail.alert.receivers: found 'mailbox', expected a list"),
    (SHOP, "says: all pods are ready", "says: 5", "52: shop.health.pods.says: found 5, expected text"),
    (FRONT, "expires: 2999-12-31", "expires: soon", "40: waivers[0].expires: found 'soon', expected a day (try 2027-01-31)"),
    # kinds and probes
    (SHOP, "    state:\n      probe: {backup", "    stat:\n      probe: {backup", "63: shop.backup.nightly.stat: unknown key (did you mean state?)"),
    (SHOP, "    literal: {defect: silent", "    attestation: {act: a look, renewed_every: 1d}\n    literal: {defect: silent", "32: shop.alert.down: found alert and attestation, expected exactly one of objective, alert, state, drill, restore, capacity, attestation"),
    (SHOP, "    objective: {indicator: orders, target: 99.9%, window: 30d}\n", "", "20: shop.slo.orders: found no block that says its kind, expected exactly one of objective, alert, state, drill, restore, capacity, attestation"),
    (SHOP, "probe: {backup: {backup: nightly}}", "probe: {backup: {backup: nightly}, redis: {command: PING}}", "64: shop.backup.nightly.state.probe: found redis and backup, expected exactly one"),
    (SHOP, "      for: 2m\n", "", "36: shop.alert.down.alert: has a `when` and no `for` (try for: 0s)"),
    # names that nothing answers to
    (SHOP, "indicator: orders", "indicator: order", "24: shop.slo.orders.objective.indicator: there is no indicator 'order' (did you mean orders?)"),
    (SHOP, "receivers: [mailbox]", "receivers: [mailboxes]", "49: shop.alert.channel-mail.alert.receivers[0]: there is no receiver 'mailboxes' (did you mean mailbox?)"),
    (SHOP, "never: [pager]", "never: [page]", "49: shop.alert.channel-mail.alert.never[0]: there is no receiver 'page' (did you mean pager?)"),
    (SHOP, "proven_by: lose-the-shop", "proven_by: loose-the-shop", "42: shop.alert.down.alert.proven_by: there is no experiment 'loose-the-shop': experiments/loose-the-shop.yaml is missing"),
    (SHOP, "experiment: lose-the-shop", "experiment: lose", "71: shop.procedure.restart.drill.experiment: there is no experiment 'lose': experiments/lose.yaml is missing"),
    (SHOP, "crowd: shoppers", "crowd: shopper", "84: shop.slo.throughput.capacity.crowd: there is no crowd 'shopper': loadtests/shopper.py is missing"),
    (SHOP, "restore: {backup: shop.backup.nightly", "restore: {backup: shop.backup.weekly", "77: shop.restore.nightly.restore.backup: there is no promise 'shop.backup.weekly' (did you mean shop.backup.nightly?)"),
    (SHOP, "probe: {backup: {backup: nightly}}", "probe: {backup: {backup: weekly}}", "64: shop.backup.nightly.state.probe.backup.backup: there is no backup of target drill 'weekly' (known: nightly)"),
    (SHOP, "keeps: [shop.slo.orders]", "keeps: [shop.health.pod]", "84: shop.slo.throughput.capacity.keeps[0]: there is no promise 'shop.health.pod' (did you mean shop.health.pods?)"),
    (SHOP, "keeps: [shop.slo.orders]", "keeps: [shop.slo.throughput]", "84: shop.slo.throughput.capacity.keeps[0]: a promise cannot keep itself"),
    (SHOP, "[stop-the-cashier, open", "[stop-a-cashier, open", "144: planned.experiments[0]: no promise names 'stop-a-cashier'"),
    (SHOP, "[stop-the-cashier, open", "[open", "103: shop.alert.queue.alert.proven_by: there is no experiment 'stop-the-cashier': experiments/stop-the-cashier.yaml is missing"),
    (SHOP, "crowds: [bargain-hunters]", "crowds: []", "126: shop.slo.sale.capacity.crowd: there is no crowd 'bargain-hunters': loadtests/bargain-hunters.py is missing"),
    (SHOP, "sum(queue_length)", "sum(queue_length", "118: shop.procedure.more-tills.drill.then[1].probe.promql.query: is no PromQL: unclosed left parenthesis"),
    (SHOP, "ready: {at_least: 5}", "ready: {}", "117: shop.procedure.more-tills.drill.then[0].expect.ready: expects nothing; say equals, "),
    (SHOP, "under: shoppers, within", "within", "71: shop.procedure.restart.drill: keeps says what a crowd must not notice, and there is none (say `under`)"),
    (SHOP, "needs: [waf]", "needs: [wax]", "125: shop.slo.sale.needs[0]: 'wax' is none of cert-manager, "),
    (SHOP, "{team: tills}", "{severity: tills}", "97: shop.alert.queue.alert: labels: severity is set by the generator"),
    (SHOP, "alert: shop.alert.down, reaches", "alert: shop.alert.up, reaches", "91: shop.review.monthly.measured_part.alert: there is no alert 'shop.alert.up' (did you mean shop.alert.queue?)"),
    (SHOP, "reaches: pager", "reaches: pgaer", "91: shop.review.monthly.measured_part.reaches: there is no receiver 'pgaer' (did you mean pager?)"),
    (SHOP, "within: 200ms, ", "", "30: shop.slo.latency.objective: indicator latency needs `within`"),
    (SHOP, "indicator: orders,", "indicator: orders, within: 1s,", "24: shop.slo.orders.objective: indicator orders has no `within`"),
    (FRONT, "profile: fast", "profile: quick", "7: targets.drill.profile: there is no profile 'quick' (known: fast, real)"),
    (FRONT, "promise: shop.health.pods", "promise: shop.health.pod", "37: waivers[0].promise: there is no promise 'shop.health.pod' (did you mean shop.health.pods?)"),
    (FRONT, "restores: [shop.restore.nightly]", "restores: [shop.backup.nightly]", "43: gamedays.first.restores[0]: there is no restore 'shop.backup.nightly' (did you mean shop.restore.nightly?)"),
    (FRONT, "{runbook: shop, ex", "{runbook: shops, ex", "43: gamedays.first.runbook: there is no runbook 'shops' (did you mean shop?)"),
    (FRONT, "include: [runbooks/shop.yaml]", "include: [runbooks/shop.yaml, runbooks/hop.yaml]", "2: include[1]: there is no file 'runbooks/hop.yaml'"),
    (FRONT, "attestations: attestations.yaml", "attestations: signed.yaml", "3: attestations: there is no file 'signed.yaml'"),
    ("attestations.yaml", "promise: shop.review.monthly", "promise: shop.review.weekly", "2: records[0].promise: there is no attestation 'shop.review.weekly' (did you mean shop.review.monthly?)"),
    # ids
    (SHOP, "id: shop.slo.latency", "id: shop.slo.orders", "26: shop.slo.orders.id: stands twice (first at runbooks/shop.yaml:20)"),
    (SHOP, "id: shop.review.monthly", "id: review.monthly", "86: review.monthly.id: 'review.monthly' does not start with 'shop.'"),
    # queries
    (SHOP, 'when: absent(up{job="shop"})', 'when: absent(up{job="shop"}', "37: shop.alert.down.alert.when: is no PromQL: unclosed left parenthesis"),
    (SHOP, "good: sum(increase(orders_total{code", "good: sum(rise(orders_total{code", "7: indicators.orders.good: is no PromQL: unknown function with name 'rise'"),
    (SHOP, "when: 'up{job=\"shop\"} == 0'", "when: 'up{job=shop} == 0'", "43: shop.alert.down.literal.when: is no PromQL: "),
    # what would hold for anything, or for nothing
    (SHOP, "target: 99.9%", "target: 0%", "24: shop.slo.orders.objective: a target of 0% is always met (try 99.9%)"),
    (SHOP, "{same_as: replicas}", "{equals: }", "57: shop.health.pods.state.expect.ready: equals is empty"),
    (SHOP, "{same_as: replicas}", "{}", "57: shop.health.pods.state.expect.ready: expects nothing; say equals, same_as, at_least, at_most, below, above, matches, younger_than"),
    (SHOP, "expect: {ready: {same_as: replicas}, age: {at_least: 1h}}", "expect: {}", "57: shop.health.pods.state.expect: is empty"),
    (SHOP, "{same_as: replicas}, age: {at_least: 1h}}", "{same_as: replicas}}\n      subjects: 0", "58: shop.health.pods.state.subjects: 0 is out of range, expected greater than or equal to 1"),
    (SHOP, "rate: 600/1m", "rate: 0/1m", "84: shop.slo.throughput.capacity: no load at all proves nothing (try rate: 10000/1m, lasts: 10m)"),
    (SHOP, "proven_by: lose-the-shop", "proven_by: synthetic-alert", "36: shop.alert.down.alert: proven_by is 'synthetic-alert', expected an experiment, since it has a `when`"),
    (SHOP, "proven_by: synthetic-alert", "proven_by: lose-the-shop", "49: shop.alert.channel-mail.alert: proven_by is 'lose-the-shop', expected synthetic-alert, since it has no `when`"),
    (SHOP, "{defect: silent-when-gone, when: 'up{job=\"shop\"} == 0'}", "{defect: silent-when-gone}", "43: shop.alert.down.literal: expected one of `when` and `command`"),
    (SHOP, "routed_by: [level]", "routed_by: [step]", "132: shop.alert.still-down.alert: routed_by: step is none of its labels"),
    (SHOP, "name: ShopStillDown", "name: Queue", "128: shop.alert.still-down.id: its rule would be called Queue, as that of shop.alert.queue"),
    # defects
    (BUGS, "id: shop.dump-hides-failure", "id: dump-hides-failure", "4: dump-hides-failure.id: found 'dump-hides-failure', expected"),
    (BUGS, "id: shop.dump-hides-failure", "id: bank.dump", "4: bank.dump.id: 'bank.dump' does not start with 'shop.'"),
    (BUGS, "number: 1\n", "number: 0\n", "19: shop.renamed-column.id: id or number stands twice (number 0, also shop.dump-hides-failure)"),
    (BUGS, "promises: [shop.backup.nightly]", "promises: [shop.backup.weekly]", "10: shop.dump-hides-failure.promises[0]: there is no promise 'shop.backup.weekly' (did you mean shop.backup.nightly?)"),
    (BUGS, "    numbers:\n", "    sql: {}\n    numbers:\n", "103: shop.more-connections-than-there-are.sql.intended: is missing"),
    (BUGS, "literal_gives: []", "literal_gives: [{labels: '{job=\"shop\"}', value: 1}]", "74: shop.gone-is-silent.promql: literal_gives and intended_gives are the same, so nothing would be shown"),
    (BUGS, "literal_fires: never", "literal_fires: {7m: 0, 12m: 1}", "89: shop.gone-never-fires.rules: literal_fires and intended_fires are the same, so nothing would be shown"),
    (BUGS, 'literal: up{job="shop"} == 0', 'literal: up{job="shop"} = 0', "78: shop.gone-is-silent.promql.literal: is no PromQL: "),
    (BUGS, "intended_gives: {exit: {at_least: 1}}", "intended_gives: {status: 1}", "17: shop.dump-hides-failure.shell.intended_gives.status.[key]: 'status' is none of exit, stdout, stderr, lines, took, timed_out"),
    (BUGS, "product: [5, 20]}", "product: [5, 20], value: 100}", "104: shop.more-connections-than-there-are.numbers.left: expected exactly one of value, sum, product"),
    (BUGS, "drilled: {promise: shop.alert.down}", "drilled: {promise: shop.health.pods}", "115: shop.silent-in-a-drill.drilled.promise: no promise 'shop.health.pods' has a `literal` (did you mean shop.alert.down?)"),
    # forms
    (SHOP, "{same_as: replicas}", "{matches: '('}", "57: shop.health.pods.state.expect.ready.matches: '(' is no regular expression: missing ), unterminated subpattern at position 0"),
    (SHOP, "kind: Deployment", "kind: Deploymint", "56: shop.health.pods.state.probe.workload.kind: 'Deploymint' is none of Deployment, StatefulSet, DaemonSet, Pod"),
    (SHOP, "workload: {namespace: shop, kind: Deployment, names: [shop]}", "http: {service: shop, path: /}", "56: shop.health.pods.state.probe.http.service: 'shop' is no address (try monitoring/prometheus:9090)"),
    (SHOP, "workload: {namespace: shop, kind: Deployment, names: [shop]}", 'http: {service: "a/b:1", path: health}', "56: shop.health.pods.state.probe.http.path: found 'health', expected a path that begins with /"),
    (SHOP, "workload: {namespace: shop, kind: Deployment, names: [shop]}", "object: {api: pods}", "56: shop.health.pods.state.probe.object.api: found 'pods', expected a version and a kind (try v1/ConfigMap or apps/v1/Deployment)"),
    (SHOP, "workload: {namespace: shop, kind: Deployment, names: [shop]}", "in-pod: {namespace: shop, selector: app=shop}", "56: shop.health.pods.state.probe.in-pod: asks nothing; say command, process or file"),
    (SHOP, "id: shop.health.pods", "id: shop.Health.pods", "51: shop.Health.pods.id: found 'shop.Health.pods', expected small letters, digits and dashes with dots between (try shop.slo.latency)"),
    (SHOP, "id: shop.alert.channel-mail", "id: shop.mail.down", "45: shop.mail.down.id: its rule would be called Down, as that of shop.alert.down"),
    (FRONT, "monitoring/witness:8070", "witness:8070", "12: targets.drill.platforms.shop.witness.service: 'witness:8070' is no address (try monitoring/prometheus:9090)"),
    (FRONT, "{secret: data/access/reader-password}", "{}", "19: targets.drill.platforms.shop.postgres.reader.password: expected one of `secret: namespace/name/key` and `env: NAME`"),
    (FRONT, "{secret: data/access/reader-password}", "opensesame", "19: targets.drill.platforms.shop.postgres.reader.password: found something, expected keys and values"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "good", "bad", "line"), CASES, ids=[case[3].partition(": ")[2] for case in CASES]
)
def test_one_fault_is_one_line(shop: Path, file: str, good: str, bad: str, line: str) -> None:
    text = (shop / file).read_text()
    assert good in text
    (shop / file).write_text(text.replace(good, bad, 1))
    lines = refusal(shop / "slo.yaml")
    assert any(said.startswith(f"{file}:{line}") for said in lines), "\n".join(lines)


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_file_that_is_no_policy_is_refused_without_a_traceback(path: Path) -> None:
    expected = path.read_text().splitlines()[0].removeprefix("# expected: ")
    assert any(line.startswith(f"{path.name}:{expected}") for line in refusal(path)), refusal(path)


def test_a_policy_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "slo.yaml") == ["slo.yaml:1: cannot be read: no such file or directory"]
    assert refusal(tmp_path) == [f"{tmp_path.name}:1: cannot be read: is a directory"]


def test_every_fault_of_every_file_is_said_at_once(shop: Path) -> None:
    for file, good, bad in (
        (FRONT, "expires: 2999-12-31", "expires: soon"),
        (SHOP, "for: 2m", "for: 5x"),
        (SHOP, "rto: 30m", "rto: 30"),
    ):
        (shop / file).write_text((shop / file).read_text().replace(good, bad))
    front = refusal(shop / "slo.yaml")
    assert [line.split(": ")[1] for line in front] == [
        "shop.alert.down.alert.for",
        "shop.restore.nightly.restore.rto",
        "waivers[0].expires",
    ]


def test_a_promise_without_an_id_goes_by_its_place(shop: Path) -> None:
    (shop / SHOP).write_text(
        (shop / SHOP).read_text().replace("- id: shop.review.monthly\n    says", "- says")
    )
    assert "runbooks/shop.yaml:86: promises[9].id: is missing" in refusal(shop / "slo.yaml")
