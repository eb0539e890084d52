"""The OpenAPI document: complete, with the one shape that every error has."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from assent.models import Problem


def install_openapi(app: FastAPI) -> None:
    """Make `app` describe its errors as problems; FastAPI's own validation error is never answered here."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    # FastAPI's documented way to extend the document.
    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = document["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return document
