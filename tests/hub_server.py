"""A server that speaks as much of the Hub's language as publishing and fetching take, on this machine alone."""

import base64
import contextlib
import hashlib
import http.server
import json
import threading
import urllib.parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer(http.server.ThreadingHTTPServer):
    """Holds one repository; `files` are those of it, `fetched` the names of those that were read."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.fetched, self.created, self.tokens, self.unknown = {}, [], [], set(), []

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def served():
    with HubServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server, body = self.server, self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.tokens.add(self.headers.get("Authorization"))
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            server.created.append(f"{asked['organization']}/{asked['name']}")
            return self._answer({"url": f"{server.address}/{server.created[-1]}"})
        if self.path == "/api/validate-yaml":
            return self._answer({"warnings": [], "errors": []})
        if "/preupload/" in self.path:
            names = [file["path"] for file in json.loads(body)["files"]]
            return self._answer(
                {"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]}
            )
        if "/commit/" in self.path:
            for line in filter(None, body.splitlines()):
                item = json.loads(line)
                if item["key"] == "file":
                    server.files[item["value"]["path"]] = base64.b64decode(item["value"]["content"])
            page = f"{server.address}/{server.created[-1]}/commit/{COMMIT}"
            return self._answer({"success": True, "commitOid": COMMIT, "commitUrl": page})
        return self._lack()

    def do_GET(self):
        self._read(with_body=True)

    def do_HEAD(self):
        self._read(with_body=False)

    def log_message(self, *arguments):
        """Says nothing."""

    def _read(self, *, with_body):
        server, path = self.server, urllib.parse.unquote(self.path.partition("?")[0])
        owner, _, rest = path.removeprefix("/api/models").strip("/").partition("/")
        name, _, rest = rest.partition("/")
        if f"{owner}/{name}" not in server.created:
            return self._lack("RepoNotFound")
        if path.startswith("/api/models/") and rest.partition("/")[0] in ("revision", ""):
            siblings = [{"rfilename": file} for file in server.files]
            return self._answer({"id": f"{owner}/{name}", "sha": COMMIT, "siblings": siblings})
        if path.startswith("/api/models/") and rest.startswith("tree/"):
            return self._answer(
                [
                    {"type": "file", "path": file, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                    for file, content in server.files.items()
                ]
            )
        file = rest.partition("/")[2].partition("/")[2]
        if rest.startswith("resolve/") and file in server.files:
            if with_body:
                server.fetched.append(file)
            content = server.files[file]
            headers = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
            return self._answer(content, headers, with_body=with_body)
        return self._lack("EntryNotFound")

    def _answer(self, content, headers=(), *, with_body=True):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(200)
        for name, value in {"Content-Length": len(body), "Content-Type": "application/json", **dict(headers)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _lack(self, code="Unknown"):
        self.server.unknown.append(self.path)
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
