"""What an image says of itself, and the configuration that this makes of a container's first one.

An image's metadata are files: `config`, `fstab`, `excludes`, `templates`,
`create-message`, `expiry`.  Of each there may be one for a kind of containers
(`config-user`), and for a level of compatibility (`config.7`, `config-user.7`).
"""

from __future__ import annotations

import os
import stat
from errno import ENOENT

from lxc import beneath
from lxc.errors import LxcError
from lxc.kernel.fs import closing
from lxc.loading import PACKAGES
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("config", "fstab", "excludes", "templates", "create-message", "expiry")
CONFIGS = (
    "/usr/share/lxc/config"  # as what configurations include is named: ours is read for what is not there (lxc.regular)
)
_MOST = 1 << 20  # bytes of a file
_HOST_NAME_MAX = 64  # bytes: sethostname(2)


class Metadata(Record):
    """The text of each file, by its name; only those that count for this container."""

    texts: Mapping[str, str]

    def text(self, name: str) -> str:
        return self.texts.get(name, "")


class Container(Record):
    """What the template was told of it, and where its files go."""

    name: str
    path: str
    rootfs: str


def files(name: str, mode: str, level: int) -> tuple[str, ...]:
    """What the file `name` may be called, for containers of the `mode` "user" or "system": the last that there is counts."""
    return name, f"{name}-{mode}", f"{name}.{level}", f"{name}-{mode}.{level}"


def read(directory: int, mode: str, level: int) -> Metadata:
    """The metadata in an opened directory.  Raises OSError, LxcError; a link is not followed."""
    texts = {}
    for name in NAMES:
        for file in reversed(files(name, mode, level)):
            text = _text(directory, file)
            if text is not None:
                texts[name] = text
                break
    return Metadata(texts)


def _text(directory: int, name: str) -> str | None:
    """What the file holds; None if there is none."""
    try:
        fd = beneath.open(directory, name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == ENOENT:
            return None
        raise
    with closing(fd):
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise LxcError(f"the image's {name} is no regular file", hint="the image is broken: take another build")
        data = b""
        while len(data) <= _MOST and (part := os.read(fd, _MOST)):
            data += part
    if len(data) > _MOST:
        raise LxcError(f"the image's {name} is longer than {_MOST} bytes", hint="the image is broken")
    return data.decode("utf-8", "surrogateescape")


def filled(text: str, container: Container) -> str:
    """`text` with what the placeholders in it stand for."""
    import re

    values = {
        "LXC_NAME": container.name,
        "LXC_PATH": container.path,
        "LXC_ROOTFS": container.rootfs,
        "LXC_TEMPLATE_CONFIG": CONFIGS,
    }

    def value(found: re.Match[str]) -> str:
        return values[found[0]] if found[0] in values else hook(found["hook"] or "").rstrip("/")

    return re.sub(r"LXC_(?:NAME|PATH|ROOTFS|TEMPLATE_CONFIG|HOOK_DIR(?:/(?P<hook>[\w.-]+))?)", value, text)


def hook(name: str) -> str:
    """The hook `name`: ours, which trusts no root that it writes to, or where other packages put theirs."""
    ours = f"{PACKAGES}/lxc/share/hooks/{name}"
    return ours if os.path.exists(ours) else f"/usr/share/lxc/hooks/{name}"


def plain(mode: str) -> str:
    """The configuration of an image that brings none."""
    user = f"lxc.include = {CONFIGS}/userns.conf\n" if mode == "user" else ""
    return f"lxc.include = {CONFIGS}/common.conf\n{user}"


def assembled(first: str, image: str, container: Container, *, has_fstab: bool) -> str:
    """The configuration of a container: of its `first` one, and of the `image`'s, in which placeholders are filled in."""
    lines = [line for line in first.split("\n") if line] if first.strip() else []
    rest = [line for line in lines if "lxc." not in line]
    network = [line for line in lines if "lxc." in line and _is_network(line)]
    other = [line for line in lines if "lxc." in line and not _is_network(line)]
    if has_fstab:
        other.append(f"lxc.mount.fstab = {_value(f'{container.path}/fstab')}")
    if len(os.fsencode(container.name)) <= _HOST_NAME_MAX:
        other.append(f"lxc.uts.name = {_value(container.name)}")
    parts = [
        *rest, "",
        "# Distribution configuration", *image.rstrip("\n").split("\n"), "",
        "# Container specific configuration", *other, "",
        "# Network configuration", *network,
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def _is_network(line: str) -> bool:
    key = line.partition("=")[0].strip()
    return key == "lxc.net" or key.startswith("lxc.net.0")


def _value(text: str) -> str:
    """As the value of a key: in quotes where they are needed."""
    return text if text.isprintable() and not any(odd in text for odd in " #\"'") else f'"{text}"'
