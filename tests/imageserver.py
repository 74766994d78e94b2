"""An image server on the loopback, in the test's own process, and images to serve."""

from __future__ import annotations

import hashlib
import http.server
import io
import lzma
import shutil
import socket
import ssl
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

NEVER = 4102444800  # seconds: 2100
CONFIG = "lxc.include = LXC_TEMPLATE_CONFIG/common.conf\nlxc.arch = linux64\n"
USER = (
    "lxc.include = LXC_TEMPLATE_CONFIG/common.conf\nlxc.include = LXC_TEMPLATE_CONFIG/userns.conf\nlxc.arch = linux64\n"
)
IMAGE = ("-d", "debian", "-r", "bookworm", "-a", "amd64")
FILES = "/images/debian/"

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Server:
    """Serves `files`, bytes or what answers itself, by their paths; `asked` are the paths that were asked for, in their order.

    Before a file is served, its path's own list in `before` is used up, if it has one.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self.files: dict[str, bytes | Answer] = {}
        self.before: dict[str, list[Answer]] = {}
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.over = threading.Event()  # for answers that wait
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._answer(self)

            def do_CONNECT(self) -> None:
                outer.asked.append(f"CONNECT {self.path}")
                host, _, port = self.path.partition(":")
                with socket.create_connection((host, int(port))) as there:
                    self.send_response(200)
                    self.end_headers()
                    back = threading.Thread(target=_pumped, args=(there, self.connection), daemon=True)
                    back.start()
                    _pumped(self.connection, there)
                    back.join()
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{'https' if certificate else 'http'}://{self.host}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        path = "/" + handler.path.lstrip("/").replace("//", "/")
        self.asked.append(path)
        self.agents.add(handler.headers["User-Agent"])
        waiting = self.before.get(path)
        found = waiting.pop(0) if waiting else self.files.get(path)
        try:
            if callable(found):
                found(handler)
            elif found is None:
                handler.send_error(404)
            else:
                send(handler, 200, found)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def offer(self, image: Mapping[str, bytes], build: str = "20260101_05:24", **more: bytes) -> None:
        """Have this image, under this build, as debian bookworm amd64 default."""
        line = f"debian;bookworm;amd64;default;{build};{FILES}\n"
        other = "alpine;3.19;arm64;cloud;20260102_13:00;/images/alpine/\n"
        for mode in ("system", "user"):
            self.files[f"/meta/1.0/index-{mode}"] = (line + other).encode()
        sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in image.items())
        for name, data in {**image, "SHA256SUMS": sums.encode(), **more}.items():
            self.files[FILES + name] = data


def send(handler: http.server.BaseHTTPRequestHandler, status: int, data: bytes, length: int = -1) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(data) if length < 0 else length))
    handler.end_headers()
    handler.wfile.write(data)


def refusing(status: int) -> Answer:
    return lambda handler: send(handler, status, b"no")


def redirecting(where: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", where)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def cut(data: bytes) -> Answer:
    """Says that all comes, and sends the first half."""
    return lambda handler: send(handler, 200, data[: len(data) // 2], len(data))


def _pumped(source: socket.socket, target: socket.socket) -> None:
    """Pass on all that comes, and its end."""
    try:
        while part := source.recv(1 << 16):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Server]:
    server = Server(certificate)
    try:
        yield server
    finally:
        server.close()


def certificate(directory: Path) -> Path:
    """A certificate for the loopback, with its key, in one file."""
    both = directory / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=loopback", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(directory / "key"), "-out", str(directory / "cert")]
    subprocess.run([*words, *names, *files], check=True, capture_output=True)
    both.write_bytes((directory / "cert").read_bytes() + (directory / "key").read_bytes())
    return both


def member(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """What `packed` takes: a file, or whatever `fields` (of tarfile.TarInfo) make of it."""
    info = tarfile.TarInfo(name)
    info.mode, info.mtime, info.size = 0o644, int(time.time()) - 60, len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """An archive as images have it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return lzma.compress(raw.getvalue(), preset=0)


def directory(name: str, mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.DIRTYPE, mode=mode)


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.SYMTYPE, linkname=target, mode=0o777)


def system() -> list[tuple[tarfile.TarInfo, bytes]]:
    """The members of a small system that starts: busybox, and files of several kinds."""
    path = shutil.which("busybox") or "/bin/busybox"
    return [
        *map(directory, ("./", "./bin", "./sbin", "./etc", "./dev", "./proc", "./sys", "./srv")),
        member("./bin/busybox", Path(path).read_bytes(), mode=0o755),
        *(link(f"./bin/{name}", "busybox") for name in ("sh", "ls", "cat", "id", "hostname", "sleep", "stat")),
        link("./sbin/init", "../bin/busybox"),
        member("./etc/inittab", b"::sysinit:/bin/true\n"),
        member("./etc/hostname", b"LXC_NAME\n"),
        member("./etc/where", b"LXC_PATH LXC_ROOTFS\n", mode=0o640, uid=7, gid=8),
        member("./etc/plain", b"LXC_NAME\n"),
        member("./srv/left-out", b"x"),
    ]


def image(*more: tuple[tarfile.TarInfo, bytes], **files: str) -> dict[str, bytes]:
    """An image's files: the small system and `more`; its metadata are the usual ones but for `files` (_ for -)."""
    texts = {
        "config": CONFIG,
        "config-user": USER,
        "templates": "/etc/hostname\netc/where\n/etc/missing\n",
        "excludes": "./srv/left-out\n",
        "create-message": "Welcome to LXC_NAME\n",
        "expiry": f"{NEVER}\n",
        **{name.replace("_", "-"): text for name, text in files.items()},
    }
    described = [directory("./"), *(member(f"./{name}", text.encode()) for name, text in texts.items())]
    return {"rootfs.tar.xz": packed(*system(), *more), "meta.tar.xz": packed(*described)}
