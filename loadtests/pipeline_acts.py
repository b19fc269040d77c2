"""What the users of the AI Pipeline do: one function an act."""

from arrivals import Ask, Visitors

WHAT = ("the page is slow", "the export fails", "a wrong total", "the form crashes", "a missing button")


def report_bug(visitors: Visitors) -> Ask:
    """Somebody hands in a bug report."""
    title = f"crowd {visitors.random.randrange(10**9):09}: {visitors.random.choice(WHAT)}"
    return Ask("api", "POST", "/api/v1/requests", {"title": title}, bearer=visitors.key())


def list_reports(_: Visitors) -> Ask:
    """Somebody looks at the newest reports that are under way."""
    return Ask("api", "GET", "/api/v1/requests?limit=5")


def ask_health(_: Visitors) -> Ask:
    """Somebody outside asks whether the pipeline is well."""
    return Ask("api", "GET", "/health")
