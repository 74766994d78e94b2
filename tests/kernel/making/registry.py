"""A registry of images: as much of its protocol as it takes to fetch one (an OCI layout) with a name and a password."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Registry(ThreadingHTTPServer):
    """Has the image at `layout`, under any name; `asked` are the paths that were asked for."""

    daemon_threads = True

    def __init__(self, layout: Path, login: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.layout, self.login = layout, login
        self.asked: list[str] = []
        self.is_silent = False  # it takes requests for blobs, and does not answer

    @property
    def url(self) -> str:
        return f"docker://127.0.0.1:{self.server_port}/web:1"

    def layers_asked(self) -> int:
        """How many layers were fetched, since it was asked for that the last time."""
        manifest = json.loads(self.manifest())
        names = {layer["digest"] for layer in manifest["layers"]}
        count = sum(path.rpartition("/")[2] in names for path in self.asked)
        self.asked.clear()
        return count

    def manifest(self) -> bytes:
        index = json.loads((self.layout / "index.json").read_text())
        return self.blob(index["manifests"][0]["digest"])

    def blob(self, digest: str) -> bytes:
        return (self.layout / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()

    def trusting_home(self, base: Path) -> dict[str, str]:
        """The environment of a user who has said that this registry may do without TLS."""
        file = base / "home/.config/containers/registries.conf"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'[[registry]]\nlocation = "127.0.0.1:{self.server_port}"\ninsecure = true\n')
        return {"HOME": str(base / "home"), "LXC_CACHE_PATH": str(base / "cache")}


@contextmanager
def serving(layout: Path, login: str = "") -> Iterator[Registry]:
    with Registry(layout, login) as registry:
        thread = threading.Thread(target=registry.serve_forever, daemon=True)
        thread.start()
        try:
            yield registry
        finally:
            registry.shutdown()
            thread.join()


class _Answer(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        wanted = "Basic " + base64.b64encode(self.server.login.encode()).decode()
        if self.server.login and self.headers.get("Authorization") != wanted:
            self._say(401, b"{}", {"WWW-Authenticate": 'Basic realm="here"'})
        elif self.path == "/v2/":
            self._say(200, b"{}", {})
        elif "/manifests/" in self.path:
            content = self.server.manifest()
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            kind = "application/vnd.oci.image.manifest.v1+json"
            self._say(200, content, {"Content-Type": kind, "Docker-Content-Digest": digest})
        elif "/blobs/" in self.path and self.server.is_silent:
            self.rfile.read()  # until the other side is gone
        elif "/blobs/" in self.path:
            self._say(200, self.server.blob(self.path.rpartition("/")[2]), {})
        else:
            self._say(404, b"{}", {})

    def _say(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """It is asked what it was asked; nobody reads more."""
