"""What the users of the AIA System do, through its frontend: one function an act."""

from arrivals import Ask, Visitors

TOKEN = "/api/v1/token"


def log_in(visitors: Visitors) -> Ask:
    """Somebody logs in."""
    name = f"user-{visitors.random.randint(1, 100)}"
    return Ask("frontend", "POST", TOKEN, {"name": name, "password": f"pw-{name}"})


def look_at_tasks(visitors: Visitors) -> Ask:
    """Somebody looks at the newest tasks; the first one has to log in, as with all that follows."""
    return _asked(visitors, "/api/v1/tasks?limit=5")


def read_task(visitors: Visitors) -> Ask:
    """Somebody opens one task, which the cache may hold."""
    return _asked(visitors, f"/api/v1/tasks/{visitors.random.randint(1, 200)}")


def look_at_agents(visitors: Visitors) -> Ask:
    """Somebody looks at the agents."""
    return _asked(visitors, "/api/v1/agents")


def add_task(visitors: Visitors) -> Ask:
    """Somebody gives an agent a task."""
    token = visitors.token()
    if not token:
        return log_in(visitors)
    task: dict[str, object] = {"agent_id": visitors.random.randint(1, 12), "title": "from the crowd"}
    return Ask("frontend", "POST", "/api/v1/tasks", task, token)


def open_page(_: Visitors) -> Ask:
    """Somebody opens the page."""
    return Ask("frontend", "GET", "/")


def _asked(visitors: Visitors, path: str) -> Ask:
    token = visitors.token()
    return Ask("frontend", "GET", path, bearer=token) if token else log_in(visitors)
