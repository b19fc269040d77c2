"""What the users of the platform do: one function an act."""

from arrivals import Ask, Visitors


def log_in(visitors: Visitors) -> Ask:
    """Somebody logs in."""
    name = visitors.someone()
    return Ask("auth", "POST", "/auth/login", {"username": name, "password": f"pw-{name}"})


def read_session(visitors: Visitors) -> Ask:
    """Somebody who logged in asks who he is; the first one has to log in."""
    token = visitors.token()
    return Ask("auth", "GET", "/auth/session", bearer=token) if token else log_in(visitors)


def list_applications(_: Visitors) -> Ask:
    """Somebody looks at the applications."""
    return Ask("apps", "GET", "/applications")


def create_application(visitors: Visitors) -> Ask:
    """Somebody adds an application."""
    owner = visitors.someone()
    name = f"crowd-{visitors.random.randrange(10**9):09}"
    return Ask("apps", "POST", "/applications", {"name": name, "owner": owner})


def list_datasets(_: Visitors) -> Ask:
    """Somebody looks at the datasets of the catalog."""
    return Ask("data", "GET", "/catalog/datasets")


def predict(visitors: Visitors) -> Ask:
    """Somebody asks the model for a prediction."""
    features = [round(visitors.random.uniform(-1, 1), 3) for _ in range(4)]
    return Ask("ai", "POST", "/inference/predict", {"features": features})


def search(visitors: Visitors) -> Ask:
    """Somebody lets the platform's agent search for something that hardly anybody asked before."""
    return _agent(visitors, "search", {"query": f"question {visitors.random.randrange(10**6)}"})


def calculate(visitors: Visitors) -> Ask:
    """Somebody lets the agent do a sum."""
    left, right = visitors.random.randrange(1000), visitors.random.randrange(1000)
    return _agent(visitors, "calculator", {"operation": "+", "left": left, "right": right})


def look_up(visitors: Visitors) -> Ask:
    """Somebody asks for a word's meaning."""
    return _agent(visitors, "glossary", {"word": visitors.random.choice(["breaker", "drill", "slo"])})


def _agent(visitors: Visitors, tool: str, given: dict[str, object]) -> Ask:
    body: dict[str, object] = {"user": visitors.someone(), "tool": tool, "input": given}
    return Ask("api", "POST", "/api/v1/requests", body, bearer=visitors.key())
