"""Every error as `application/problem+json` (RFC 9457), with a sentence that says what would work."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from rollout.kube.errors import ApiError, Forbidden, NotFound, Unavailable

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:progressive-delivery:problem"


class FieldError(BaseModel):
    """What is wrong with one field of the request."""

    field: str = Field(description="Where it is, such as `body.run`.")
    message: str = Field(description="What is wrong with it.")


class ProblemDocument(BaseModel):
    """An error as RFC 9457 defines it."""

    type: str = Field(description="The kind of error, to be compared by programs.")
    title: str = Field(description="The kind of error, in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened and what would work, in a sentence for people.")
    instance: str = Field(description="The path that was asked.")
    errors: tuple[FieldError, ...] | None = Field(None, description="What is wrong, field by field.")


class Problem(Exception):  # noqa: N818 - it is RFC 9457's word
    """An answer other than the one that was asked for; `kind` is one word of the problem's type."""

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail


def unread_yet(what: str) -> Problem:
    """That the controller has only just started."""
    return Problem(503, "starting", f"The controller still reads the cluster ({what}): ask again in a moment.")


def unless_read(unread: Callable[[], str | None]) -> Callable[[], Awaitable[None]]:
    """What a route depends on that answers from the cache: raises Problem as long as something was not read."""

    async def require() -> None:
        if what := unread():
            raise unread_yet(what)

    return require


def answer(problem: Problem, instance: str, *, errors: tuple[FieldError, ...] | None = None) -> JSONResponse:
    """The problem as an HTTP response."""
    document = ProblemDocument(
        type=f"{_TYPE}:{problem.kind}",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        instance=instance,
        errors=errors,
    )
    return JSONResponse(document.model_dump(exclude_none=True), status_code=problem.status, media_type=MEDIA_TYPE)


def from_api_error(error: ApiError) -> Problem:
    """What a failed call to the API server means for the one who asked us."""
    if isinstance(error, NotFound):
        return Problem(404, "not-found", f"The API server has no such object: {error.message}")
    if isinstance(error, Unavailable):
        return Problem(503, "cluster-unavailable", f"The API server did not answer ({error.message}): ask again.")
    if isinstance(error, Forbidden):
        sentence = f"The API server refuses the controller: {error.message}. Check the controller's ClusterRole."
        return Problem(502, "cluster-refused", sentence)
    return Problem(502, "cluster-refused", f"The API server refused: {error.message}")


def install(app: FastAPI) -> None:
    """Have `app` answer every error as a problem document."""
    app.exception_handler(Problem)(_on_problem)
    app.exception_handler(ApiError)(_on_api_error)
    app.exception_handler(HTTPException)(_on_http)
    app.exception_handler(RequestValidationError)(_on_invalid)
    app.exception_handler(Exception)(_on_bug)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of these errors, for a route."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def described(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI page, with the problem document that `responses` refers to."""
    schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = schema.pop("$defs")
    page = app.openapi()
    page["components"]["schemas"].update({**parts, "ProblemDocument": schema})
    return page


async def _on_problem(request: Request, error: Problem) -> JSONResponse:
    return answer(error, request.url.path)


async def _on_api_error(request: Request, error: ApiError) -> JSONResponse:
    return answer(from_api_error(error), request.url.path)


async def _on_http(request: Request, error: HTTPException) -> JSONResponse:
    path = request.url.path
    sentences = {
        404: f"There is nothing at {path}: /openapi.json lists what there is.",
        405: f"{path} does not take {request.method}: /openapi.json lists what it takes.",
    }
    kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    problem = Problem(error.status_code, kind, sentences.get(error.status_code, str(error.detail)))
    response = answer(problem, path)
    response.headers.update(error.headers or {})
    return response


async def _on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    errors = tuple(_field_error(entry) for entry in error.errors())
    sentence = "; ".join(f"{entry.field}: {entry.message}" for entry in errors)
    return answer(Problem(422, "invalid", sentence), request.url.path, errors=errors)


async def _on_bug(request: Request, error: Exception) -> JSONResponse:
    sentence = f"The controller made a mistake ({type(error).__name__}); its log says more."
    return answer(Problem(500, "internal", sentence), request.url.path)


def _field_error(entry: Any) -> FieldError:
    field = ".".join(str(part) for part in entry["loc"])
    if entry["type"] == "extra_forbidden":
        return FieldError(field=field, message="There is no such field: check its spelling, or remove it")
    return FieldError(field=field, message=entry["msg"])
