"""The server: on the loopback address, only for those who know the token in its address."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lcodec.container import Description
from lcodec.errors import FormatError, LcodecError
from lcodec.view import page
from lcodec.view.album import Album, Facts

HOST = "127.0.0.1"
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingHTTPServer):
    """Serves an album until it is shut down; ``address`` is for a browser to open.

    Other programs on the machine can reach the port, and pages of other sites can make a browser
    send requests to it, so every path begins with a random token, and the requested host must be
    the loopback address.
    """

    daemon_threads = True

    def __init__(
        self,
        album: Album,
        title: str,
        facts: Facts,
        *,
        names: Sequence[str] | None = None,
        port: int = 0,
    ) -> None:
        super().__init__((HOST, port), _Handler)
        self.album = album
        self.title = title
        self.facts = facts
        self.token = secrets.token_urlsafe(16)
        self.names = list(names or map(str, album.files))

    @property
    def address(self) -> str:
        """The address of the first page."""
        first = "picture/0" if len(self.names) == 1 else ""
        return f"http://{HOST}:{self.server_port}/{self.token}/{first}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore browsers that disconnect in the middle of a response."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "lcodec"
    sys_version = ""
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:
        """Do not log requests."""

    def do_HEAD(self) -> None:
        """Answer as `do_GET`, without the contents."""
        self.do_GET()

    def do_GET(self) -> None:
        """Serve a page or a picture, or answer that there is none."""
        _, token, *rest = self.path.split("/")
        port = self.server.server_port
        known = self.headers.get("Host") in (f"{HOST}:{port}", f"localhost:{port}")
        if not known or not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"not found\n")
            return
        kind, number = rest[0] if rest else "", self._number(rest)
        if rest == [""]:
            text = page.folder_page(self.server.title, self.server.names)
            self._answer(HTTPStatus.OK, "text/html; charset=utf-8", text.encode("utf-8", "replace"))
        elif number is None or kind not in ("picture", "image", "thumbnail"):
            self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"not found\n")
        else:
            self._file(kind, number)

    def _number(self, rest: list[str]) -> int | None:
        """The number of a file in the path, if there is such a file."""
        if len(rest) != 2 or not (rest[1].isascii() and rest[1].isdecimal()) or len(rest[1]) > 9:
            return None
        number = int(rest[1])
        return number if number < len(self.server.names) else None

    def _file(self, kind: str, number: int) -> None:
        album, names = self.server.album, self.server.names
        try:
            if kind == "picture":
                size, facts = self._told(number)
                text = page.picture_page(names, number, size, facts)
                data, mime = text.encode("utf-8", "replace"), "text/html; charset=utf-8"
            else:
                data = album.whole(number) if kind == "image" else album.thumbnail(number)
                mime = "image/png"
        except LcodecError as error:
            text = page.error_page(names, number, str(error))
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            self._answer(status, "text/html; charset=utf-8", text.encode("utf-8", "replace"))
            return
        self._answer(HTTPStatus.OK, mime, data)

    def _told(self, number: int) -> tuple[tuple[int, int], list[tuple[str, str]]]:
        """Size of a picture, and rows about its file; of a damaged one, about what is left.

        Raises:
            LcodecError: there is nothing to show.
        """
        album = self.server.album
        try:
            found = album.description(number)
            return _size(found), self.server.facts(found)
        except FormatError as error:
            left = album.remains(number)
            if left is None:
                raise
            header = left.header
            rows = [
                ("damaged", str(error)),
                ("shown", "what is left; lost parts are gray, what is cut off is blurred"),
                ("tiles", f"{len(left.tiles)} of {header.tile_count} sound"),
            ]
            return (header.width, header.height), rows

    def _answer(self, status: HTTPStatus, mime: str, data: bytes) -> None:
        self.send_response(status)
        headers = {"Content-Type": mime, "Content-Length": str(len(data)), **_HEADERS}
        headers["Content-Security-Policy"] = page.policy()
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _size(description: Description) -> tuple[int, int]:
    return description["header"]["width"], description["header"]["height"]
