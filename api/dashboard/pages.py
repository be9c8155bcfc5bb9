"""The pages and what they load, under a policy that lets a browser run nothing but these files."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from api.lookup import look_up, missing
from api.ports import Store
from api.problems import unread_yet
from rollout.models.kinds import Key

_HERE: Final = Path(__file__).parent
_READING: Final = ["GET", "HEAD"]
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
_PAGE: Final = {"Content-Security-Policy": _POLICY}
_FOREVER: Final = {"Cache-Control": "public, max-age=31536000, immutable", **_PAGE}


def pages(*, store: Store, version: str, unread: Callable[[], str | None] = lambda: None) -> APIRouter:
    """The routes outside `/api`: the fleet, one Rollout, and their files under a name that changes with them."""
    router = APIRouter(include_in_schema=False)
    files = {file.name: file.read_bytes() for file in sorted((_HERE / "static").iterdir())}
    folder = f"/static/{_digest(files)}"
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )

    def page(template: str, status: int = 200, **values: object) -> HTMLResponse:
        text = environment.get_template(template).render(static=folder, version=version, **values)
        return HTMLResponse(text, status_code=status, headers=_PAGE)

    @router.api_route("/", methods=_READING)
    async def fleet() -> HTMLResponse:
        return page("fleet.html")

    @router.get("/rollouts")
    async def rollouts() -> RedirectResponse:
        return RedirectResponse("/")

    @router.api_route("/rollouts/{namespace}/{name}", methods=_READING)
    async def rollout(namespace: str, name: str) -> HTMLResponse:
        key = Key(namespace, name)
        view = look_up(store, key)
        if view is None and (what := unread()):
            return page("missing.html", 503, heading="Not read yet", sentence=unread_yet(what).detail)
        if view is None:
            return page("missing.html", 404, heading="No such Rollout", sentence=missing(store, key).detail)
        return page("rollout.html", key=key, view=view.model_dump(mode="json", by_alias=True))

    @router.get(folder + "/{name}")
    async def static(name: Annotated[str, InPath()]) -> Response:
        if name not in files:
            raise HTTPException(404)
        return Response(files[name], media_type=_TYPES[Path(name).suffix], headers=_FOREVER)

    return router


def _digest(files: dict[str, bytes]) -> str:
    """Another one as soon as any file differs, so that a browser may keep what it has for ever."""
    whole = sha256()
    for name, content in files.items():
        whole.update(name.encode() + b"\0" + content)
    return whole.hexdigest()[:12]
