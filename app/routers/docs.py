"""``/docs``: every call, to try in the browser; its files come with the service, from no other server."""

from importlib import resources

from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles

PATH = "/docs"
ASSETS = "/docs/assets"


def install(app: FastAPI) -> None:
    """Serve the page and its files: a county bureau's network may reach nothing but this service."""

    async def read_docs() -> Response:
        return get_swagger_ui_html(
            openapi_url=app.openapi_url or "",
            title=f"{app.title}: every call",
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS}/favicon.png",
        )

    app.add_api_route(PATH, read_docs, include_in_schema=False)
    folder = resources.files("fastapi_offline").joinpath("static")
    app.mount(ASSETS, StaticFiles(directory=str(folder)), name="docs-assets")
