"""An OCI image on disk, and a cache of layers that images share.

    LAYOUT/index.json            names a manifest
    LAYOUT/blobs/sha256/DIGEST   manifest, configuration, layers: each by the SHA-256 of what it holds
    CACHE/DIGEST                 layers of images that were fetched before

Nothing is taken for what its name says before that was seen to be so.
"""

from __future__ import annotations

import errno
import os

from lxc import beneath, regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_BLOBS = "blobs/sha256"
_MOST = 4 << 20  # bytes of a manifest or a configuration
_HEX = frozenset("0123456789abcdef")
_COPY = frozenset((errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP))  # where a file gets no second name


def read(layout: str) -> tuple[object, object]:
    """What the JSON of the image's configuration and of its manifest says.  Raises OSError, ValueError."""
    index = _json(_whole(f"{layout}/index.json"))
    manifests = index.get("manifests") if isinstance(index, dict) else None
    if not isinstance(manifests, list) or len(manifests) != 1:
        raise ValueError("its index names not one manifest")
    manifest = _json(_blob(layout, manifests[0]))
    return _json(_blob(layout, manifest.get("config") if isinstance(manifest, dict) else None)), manifest


def digest(of: object) -> str:
    """The digest, without its algorithm, of what is described ({"digest": "sha256:…"}).  Raises ValueError."""
    text = of.get("digest") if isinstance(of, dict) else None
    return plain_digest(text if isinstance(text, str) else "")


def plain_digest(text: str) -> str:
    """The digits of "sha256:…", which are safe as the name of a file.  Raises ValueError."""
    digits = text.removeprefix("sha256:")
    if digits == text or len(digits) != 64 or not _HEX.issuperset(digits):
        raise ValueError(f"expected a digest sha256:…, got {text!a}")
    return digits


def make(layout: str) -> None:
    """An empty image.  Raises OSError; FileExistsError if something is there."""
    os.mkdir(layout)
    os.makedirs(f"{layout}/{_BLOBS}")


class Cache:
    """The layers that are kept in `directory`, for the user `owner` alone: images may be secret.

    It is no more than a help: where it cannot be read or written, there is none.
    """

    def __init__(self, directory: str, owner: tuple[int, int] = (-1, -1)) -> None:
        self._directory, self._owner = directory, owner

    def give(self, layout: str, digests: Iterable[str]) -> None:
        """Put those layers into the image at `layout` that are here, and right; what is not right is removed."""
        for name in digests:
            try:
                with open(f"{self._directory}/{name}", "rb", opener=_no_link) as file:
                    if _sha256(file) == name:
                        _name(file.fileno(), f"{layout}/{_BLOBS}/{name}")
                    else:
                        os.unlink(f"{self._directory}/{name}")
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise

    def keep(self, layout: str, digests: Iterable[str]) -> None:
        """Keep these layers of the image at `layout`."""
        try:
            beneath.make_directories(os.path.dirname(self._directory), owner=self._owner)
            beneath.make_directories(self._directory, 0o700, self._owner)
            for name in digests:
                if not os.path.lexists(f"{self._directory}/{name}"):
                    with open(f"{layout}/{_BLOBS}/{name}", "rb", opener=_no_link) as file:
                        _name(file.fileno(), f"{self._directory}/{name}")
                        os.chown(f"{self._directory}/{name}", *self._owner)
        except OSError:
            return


def _name(fd: int, path: str) -> None:
    """Have what the file `fd` holds at `path`, too: all of it or nothing, whatever happens meanwhile.  Raises OSError."""
    above, name = os.path.split(path)
    directory = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _link(fd, directory, name)
    except OSError as error:
        if error.errno not in _COPY:
            raise
        copy = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o644, dir_fd=directory)
        try:
            offset = 0
            while sent := os.sendfile(copy, fd, offset, 1 << 30):
                offset += sent
            _link(copy, directory, name)
        finally:
            os.close(copy)
    finally:
        os.close(directory)


def _link(fd: int, directory: int, name: str) -> None:
    """Only with `dst_dir_fd` is it linkat(2), which follows links of proc(5)."""
    os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=directory, follow_symlinks=True)


def _sha256(file: object) -> str:
    import hashlib

    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # an open file


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _blob(layout: str, of: object) -> bytes:
    import hashlib

    name = digest(of)
    content = _whole(f"{layout}/{_BLOBS}/{name}")
    if hashlib.sha256(content).hexdigest() != name:
        raise ValueError(f"blob {name} does not hold what its digest says")
    return content


def _whole(path: str) -> bytes:
    content = regular.read(path, _MOST)
    if len(content) > _MOST:
        raise ValueError(f"{os.path.basename(path)} is longer than {_MOST} bytes")
    return content


def _json(content: bytes) -> object:
    import json

    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from None
