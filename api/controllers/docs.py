"""The API's own documentation: the OpenAPI document, and a page to read and try it that needs no other server."""

from importlib.resources import files

import msgspec
from litestar import Controller, Response, get
from litestar.params import FromPath

from api.call import ApiRequest
from api.openapi import document
from api.problems import NO_ROUTE, ProblemError

ASSETS = {
    "swagger_style.css": "text/css; charset=utf-8",
    "swagger_bundle.js": "text/javascript; charset=utf-8",
    "swagger_preset.js": "text/javascript; charset=utf-8",
}
"""Swagger UI as the package `offapi` ships it."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tiffin API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger_style.css">
</head>
<body>
<div id="ui"></div>
<script src="/docs/swagger_bundle.js"></script>
<script src="/docs/swagger_preset.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = """SwaggerUIBundle({
  url: "/schema", dom_id: "#ui", deepLinking: true, validatorUrl: null, persistAuthorization: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset]
});
"""
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
CACHED = {"Cache-Control": "public, max-age=3600"}


class Docs(Controller):
    """Not part of the document itself."""

    path = "/"

    @get(["/schema", "/schema/openapi.json"], sync_to_thread=False)
    def schema(self, request: ApiRequest) -> Response[bytes]:
        """OpenAPI 3.1."""
        return Response(msgspec.json.encode(document(request.app)), media_type="application/json")

    @get("/docs", sync_to_thread=False)
    def page(self) -> Response[str]:
        """Swagger UI."""
        return Response(PAGE, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": POLICY})

    @get("/docs/{name:str}", sync_to_thread=True)
    def asset(self, name: FromPath[str]) -> Response[bytes]:
        """Its files."""
        if name == "start.js":
            return Response(START.encode(), media_type="text/javascript; charset=utf-8", headers=CACHED)
        if name not in ASSETS:
            raise ProblemError(NO_ROUTE, "There is nothing at this path.")
        return Response(files("offapi").joinpath(name).read_bytes(), media_type=ASSETS[name], headers=CACHED)
