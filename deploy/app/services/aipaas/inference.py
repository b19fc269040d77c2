"""inference-service: scores from a fixed linear model, each kept."""

from __future__ import annotations

import math
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.aipaas.ledgers import Rows, open_database, table_service
from services.metrics import PREDICTIONS
from services.settings import Settings
from services.store import Database
from services.web import json_body, route

WEIGHTS = (0.8, -0.4, 0.25, 0.1)
MODEL = "churn-linear-1"
_COLUMNS = "id, model, features::text, score, created_at::text"


def score(features: Sequence[float]) -> float:
    """The logistic score of the features, 0 to 1; ValueError unless there is one for each weight."""
    if len(features) != len(WEIGHTS):
        raise ValueError(f"features: {len(WEIGHTS)} numbers expected")
    return 1 / (1 + math.exp(-sum(w * x for w, x in zip(WEIGHTS, features, strict=True))))


class Inference:
    """Predictions, written to table predictions before they are answered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def predict(self, request: Request) -> Response:
        """One prediction."""
        body = await json_body(request, features=list)
        given = body["features"]
        assert isinstance(given, list)
        features = [max(-100.0, min(100.0, float(each))) for each in given]
        rows = await self._database.rows(
            "INSERT INTO predictions (model, features, score) VALUES (%s, %s, %s) RETURNING id, model, score",
            MODEL,
            features,
            score(features),
        )
        PREDICTIONS.inc()
        return JSONResponse(rows[0])


def application(settings: Settings) -> Starlette:
    """The web application of inference-service."""
    database = open_database(settings)
    routes = [
        route("/inference/predict", Inference(database).predict, method="POST"),
        route("/inference/predictions", Rows(database, "predictions", _COLUMNS).newest),
    ]
    return table_service(settings, database, routes)
