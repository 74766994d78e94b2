"""Getting files from an image server: over HTTPS, whole and right, or not at all.

What may pass is tried three times: a connection that fails or is cut, silence,
an answer that the server is busy, a checksum that is wrong (a mirror in the
middle of being renewed).  http:// is used only for a server that is so named.
"""

from __future__ import annotations

import os
import sys

from lxc.errors import LxcError, NotFound, Unsupported, UsageError, printable
from lxc.images.wanted import LEVEL
from lxc.record import Record
from lxc.release import LXC_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    import urllib3

    T = TypeVar("T")

AGENT = f"lxc/{LXC_VERSION} compat:{LEVEL}"
PAUSES = (1, 3)  # seconds after the first try and the second
_REDIRECTS = 5
_PART = 1 << 18
_MOVED, _ABSENT, _BUSY = (301, 302, 303, 307, 308), (403, 404, 410), (408, 425, 429)


class Passing(LxcError):
    """A failure that may be over at the next try."""


class Server(Record):
    """Where images come from; `patience` is how many seconds of silence it may take, `pauses` come between tries."""

    url: str
    patience: float = 30
    pauses: tuple[float, ...] = PAUSES
    is_verbose: bool = False

    def text(self, path: str, most: int) -> str:
        """The file at `path`, of at most so many bytes.  Raises NotFound, LxcError."""

        def once() -> str:
            parts: list[bytes] = []
            self._get(path, most, parts.append)
            return b"".join(parts).decode("utf-8", "surrogateescape")

        return self._tried(once)

    def file(self, path: str, fd: int, most: int, digest: str = "") -> None:
        """The same, written to a new file; its SHA-256 must be `digest`, unless that is "".  Raises OSError, too."""
        import hashlib

        def once() -> None:
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
            found = hashlib.sha256()
            with open(fd, "wb", closefd=False) as file:

                def take(part: bytes) -> None:
                    found.update(part)
                    file.write(part)

                self._get(path, most, take)
            if digest and found.hexdigest() != digest:
                raise Passing(
                    f"{self.url}{path} has the SHA-256 {found.hexdigest()}, and not {digest}, which the server's SHA256SUMS says",
                    hint="the server is being renewed, or somebody has changed the file: try later, or another --server",
                )
            os.fsync(fd)

        self._tried(once)

    def _tried(self, work: Callable[[], T]) -> T:
        import time

        for pause in self.pauses:
            try:
                return work()
            except Passing as error:
                print(f"{printable(str(error))}: trying again in {pause} s", file=sys.stderr, flush=True)
                time.sleep(pause)
        try:
            return work()
        except Passing as error:
            raise LxcError(f"{error} (tried {len(self.pauses) + 1} times)", hint=error.hint) from error

    def _get(self, path: str, most: int, take: Callable[[bytes], object]) -> None:
        """Give the parts of a file to `take`, as they come."""
        from urllib.parse import urljoin

        url = f"{self.url}{path}"
        for _ in range(_REDIRECTS + 1):
            if self.is_verbose:
                print(f"GET {url}", file=sys.stderr, flush=True)
            target = _transferred(url, self.patience, most, take)
            if not target:
                return
            target = urljoin(url, target)
            if not target.startswith("https://") and not (url.startswith("http://") and target.startswith("http://")):
                raise LxcError(
                    f"{url} redirects to {printable(target)}, which is not https: refused",
                    hint="what comes over http anybody on the way may change: take another --server",
                )
            url = target
        raise LxcError(f"{self.url}{path} redirects more than {_REDIRECTS} times", hint="take another --server")


def server(text: str) -> str:
    """The URL that `--server TEXT` means: host, host:port, or a URL.  Raises UsageError."""
    from urllib.parse import urlsplit

    url = text if "://" in text else f"https://{text}"
    wrong = UsageError(f"--server {text!r} is no server", hint="HOST, HOST:PORT, https://HOST/PATH or http://HOST")
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise wrong from None
    odd = not text.isprintable() or any(character in text for character in " ?#@\\")
    if not is_right or odd:
        raise wrong
    return url.rstrip("/")


def _transferred(url: str, patience: float, most: int, take: Callable[[bytes], object]) -> str:
    """Get one URL: "" when it is all there, else where it redirects to.  Raises LxcError."""
    import urllib3

    exceptions = urllib3.exceptions
    try:
        response = _pool(url).request(
            "GET",
            url,
            headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
            redirect=False,
            retries=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=patience, read=patience),
        )
        try:
            if response.status in _MOVED and response.headers.get("Location"):
                return str(response.headers["Location"])
            _check(url, response.status, str(response.reason or ""))
            told = response.headers.get("Content-Length", "")
            length = int(told) if told.isdecimal() else -1
            if length > most:
                raise _too_large(url, most)
            got = 0
            while part := response.read(_PART, decode_content=False):
                got += len(part)
                if got > most:
                    raise _too_large(url, most)
                take(part)
            if 0 <= length != got:
                raise Passing(f"{url} was cut after {got} of {length} bytes", hint=_HINT)
        finally:
            response.close()
    except exceptions.SSLError as error:
        raise _untrusted(url, error) from error
    except exceptions.ProxyError as error:
        raise Passing(f"cannot get {url} through the proxy {_shown(_proxy(url))}: {_why(error)}", hint=_HINT) from error
    except exceptions.NewConnectionError as error:  # a TimeoutError to the library, whatever it was
        raise Passing(f"cannot get {url}: {_why(error)}", hint=_HINT) from error
    except exceptions.TimeoutError as error:
        raise Passing(f"{url}: no answer for {patience:g} s", hint=_HINT) from error
    except exceptions.HTTPError as error:
        raise Passing(f"cannot get {url}: {_why(error)}", hint=_HINT) from error
    return ""


_HINT = "look whether the host has a network (and whether http_proxy, https_proxy are right), or try later, or another --server"
_CERTIFICATE = "look at the host's clock and its certificates (package ca-certificates); SSL_CERT_FILE names others"


def _untrusted(url: str, error: BaseException) -> LxcError:
    """What is wrong with TLS: a certificate stays as it is, all else may pass."""
    import ssl

    said, below = f"cannot get {url}: {_why(error)}", error.__cause__ or error.__context__
    while below is not None:
        if isinstance(below, ssl.SSLCertVerificationError):
            return LxcError(said, hint=_CERTIFICATE)
        below = below.__cause__ or below.__context__
    return Passing(said, hint="try later; or is it a server without https? http:// is taken if --server says so")


def _check(url: str, status: int, reason: str) -> None:
    if status == 200:
        return
    said = f"{url}: the server says {status} {printable(reason)}".rstrip()
    if status in _ABSENT:
        raise NotFound(said, hint="the server does not have it (any more): try again, or another --server")
    raise (Passing if status >= 500 or status in _BUSY else LxcError)(said, hint="try later, or another --server")


def _too_large(url: str, most: int) -> LxcError:
    return LxcError(
        f"{url} is larger than {most >> 20} MiB, and so not what it should be", hint="take another --server"
    )


def _pool(url: str) -> urllib3.PoolManager:
    """What makes connections to the server of `url`, through a proxy if the environment names one."""
    import ssl

    import urllib3

    proxy = _proxy(url)
    try:
        trusted = ssl.create_default_context()
        if not proxy:
            return urllib3.PoolManager(ssl_context=trusted)
        from urllib.parse import unquote, urlsplit

        parts = urlsplit(proxy)
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        headers = urllib3.make_headers(proxy_basic_auth=user) if user else None
        return urllib3.ProxyManager(
            _shown(proxy), proxy_headers=headers, ssl_context=trusted, proxy_ssl_context=trusted
        )
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise UsageError(
            f"cannot use the proxy {_shown(proxy)}: {error}",
            hint="http_proxy, https_proxy name it: http://HOST:PORT",
        ) from error
    except OSError as error:
        raise LxcError(f"cannot read the certificates that are trusted: {error}", hint=_CERTIFICATE) from error


def _proxy(url: str) -> str:
    """The proxy that the environment names for `url`; "" if there is none."""
    from urllib.parse import urlsplit
    from urllib.request import getproxies_environment, proxy_bypass

    parts = urlsplit(url)
    proxies = getproxies_environment()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not proxy or proxy_bypass(parts.netloc, proxies):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _shown(proxy: str) -> str:
    """Without the password that may be in it."""
    scheme, mark, rest = proxy.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


def _why(error: BaseException) -> str:
    """What the library, or the kernel below it, says in words."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError):
            said = getattr(below, "verify_message", "") or below.strerror or str(below)
            if said:
                return printable(str(said))
        below = below.__cause__ or below.__context__
    return printable(str(error).rpartition("object at 0x")[2].partition(": ")[2] or str(error))


def check_library() -> None:
    """Raise Unsupported without urllib3.

    lxc-create has the interpreter look only where this package is; the library may be where the system's are.
    """
    import importlib.util

    if not importlib.util.find_spec("urllib3") and sys.flags.no_site:
        import site

        site.main()
    if not importlib.util.find_spec("urllib3"):
        raise Unsupported(
            "cannot download: the Python package urllib3 is not there",
            hint="install it (python3-urllib3), or give an image that you have to the template local",
        )
