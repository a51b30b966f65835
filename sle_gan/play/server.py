"""The page's server: who may ask, what there is to ask for, and nothing else. Imports no TensorFlow."""

import http.server
import importlib.resources
import json
import re
import secrets
import select
import socket
import sys
import threading
import traceback
import urllib.parse
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from sle_gan.errors import InputError, SleGanError
from sle_gan.play.answers import Answers, GoneError
from sle_gan.play.drawing_thread import StaleError
from sle_gan.play.points import read_json

HOST = "127.0.0.1"
_OWN_NAMES = {HOST, "localhost"}  # whatever the port: it may be forwarded from another one
_LARGEST_BODY = 4 * 2**20
_IDLE_S = 60
_POLL_S = 0.05  # how long an end takes
_PAGE = importlib.resources.files("sle_gan.play") / "page"
_STATIC = {
    "": (_PAGE / "index.html", "text/html; charset=utf-8"),
    "look.css": (importlib.resources.files("sle_gan.report") / "templates" / "look.css", "text/css; charset=utf-8"),
    "play.css": (_PAGE / "play.css", "text/css; charset=utf-8"),
    "play.js": (_PAGE / "play.js", "text/javascript; charset=utf-8"),
}
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_JSON = "application/json"


class _Answer(NamedTuple):
    content: bytes
    media_type: str


class RefusedError(SleGanError):
    """A request that is not answered.

    Args:
        status: the code of HTTP.
        reason: one line.
    """

    def __init__(self, status: HTTPStatus, reason: str):
        super().__init__(reason)
        self.status = status


class PlayServer:
    """Serves the page on this machine alone, at an address with a secret word in it.

    Args:
        answers: what is asked of it.
        port: to listen at; a free one if 0.

    Attributes:
        address: of the page.

    Raises:
        InputError: if the port cannot be listened at.
    """

    def __init__(self, answers: Answers, port: int = 0):
        self._token = secrets.token_urlsafe(24)
        try:
            self._server = _Server((HOST, port), _Handler)
        except OSError as error:
            raise InputError(
                f"--port {port} cannot be listened at ({error.strerror}); give another, or leave it out"
            ) from None
        self._server.answers, self._server.token = answers, self._token
        self.address = f"http://{HOST}:{self._server.server_port}/{self._token}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="server", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Waits until the server has ended."""
        self._thread.join()

    def end(self) -> None:
        """Ends the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    answers: Answers
    token: str

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of connections that broke off."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request after another of a connection."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    server: _Server

    def do_GET(self) -> None:
        """Answers a GET."""
        self._answer(self._got)

    def do_POST(self) -> None:
        """Answers a POST."""
        self._answer(self._posted)

    def version_string(self) -> str:
        """Tells nobody the versions of Python and of this."""
        return "sle-gan"

    def log_message(self, format: str, *args: Any) -> None:
        """Writes no line for each request."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuses what is no request that this server knows."""
        self._refuse(HTTPStatus(code), message or HTTPStatus(code).phrase)

    def _answer(self, find: Callable[[str], _Answer]) -> None:
        try:
            self._check_origin()
            answer = find(self._path())
        except RefusedError as error:
            self._refuse(error.status, str(error))
        except StaleError:
            self._send(HTTPStatus.OK, _json({"is_stale": True}))
        except GoneError:
            self.close_connection = True
        except (SleGanError, OSError) as error:
            self._send(HTTPStatus.BAD_REQUEST, _json({"error": _line(error)}))
        except Exception as error:
            traceback.print_exc()
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, _json({"error": f"{type(error).__name__}: {_line(error)}"}))
        else:
            self._send(HTTPStatus.OK, answer)

    def _check_origin(self) -> None:
        """Refuses what other pages ask, and what comes by a name that somebody let point here."""
        host = self.headers.get("Host", "")
        if urllib.parse.urlsplit(f"//{host}").hostname not in _OWN_NAMES:
            raise RefusedError(HTTPStatus.FORBIDDEN, f"this page is at {HOST} alone")
        origin = self.headers.get("Origin")
        site = self.headers.get("Sec-Fetch-Site", "none")
        is_opened = self.command == "GET" and self.headers.get("Sec-Fetch-Dest") == "document"
        if origin not in {None, f"http://{host}"} or not (site in {"same-origin", "none"} or is_opened):
            raise RefusedError(HTTPStatus.FORBIDDEN, "other pages may not ask")

    def _path(self) -> str:
        """Returns the path behind the secret word."""
        word, slash, path = self.path.removeprefix("/").partition("/")
        if not slash or not secrets.compare_digest(word.encode(), self.server.token.encode()):
            raise RefusedError(HTTPStatus.NOT_FOUND, "there is nothing here; open the address that `sle-gan play` told")
        return path

    def _got(self, path: str) -> _Answer:
        if path in _STATIC:
            file, media_type = _STATIC[path]
            return _Answer(file.read_bytes(), media_type)
        answers = self.server.answers
        if path == "facts":
            return _json(answers.facts())
        if path == "film":
            return _json(answers.film_progress())
        image = re.fullmatch(r"training/(\d{1,9})\.png", path, re.ASCII)
        if image:
            return _Answer(answers.training_image(int(image[1])), "image/png")
        raise RefusedError(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _posted(self, path: str) -> _Answer:
        given = read_json(self._body())
        answers = self.server.answers
        if path == "pictures":
            return _json(answers.pictures(given))
        if path == "copies":
            return _json(answers.copies(given))
        if path == "film":
            media_type, content = answers.film(given, self._is_gone)
            return _Answer(content, media_type)
        raise RefusedError(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"\d{1,9}", length, re.ASCII) or "Transfer-Encoding" in self.headers:
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "a request must tell its length")
        if int(length) > _LARGEST_BODY:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request must be {_LARGEST_BODY} bytes at most")
        if self.headers.get_content_type() != _JSON:
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a request must be {_JSON}")
        return self.rfile.read(int(length))

    def _is_gone(self) -> bool:
        """Returns whether the other side has closed the connection."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """Answers with a reason, and ends the connection: what follows a request that was not read is not another."""
        self.close_connection = True
        self._send(status, _json({"error": reason}))

    def _send(self, status: HTTPStatus, answer: _Answer) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)


def _json(content: dict[str, Any]) -> _Answer:
    return _Answer(json.dumps(content).encode(), _JSON)


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
