"""What an OCI image says, and what of it goes into a container's configuration.

The image is hostile: whatever it says is text of somebody else's.  A value that
no line of a configuration can hold, because it would end the line, is left out
and named; what would lead a program of the host's astray is kept from those.
"""

from __future__ import annotations

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ID_MAX = 2**32 - 2
_RUNS = {  # machine of uname(2): what the images are for that it runs, as Go names architectures
    "x86_64": ("amd64", "386"),
    "i686": ("386",),
    "aarch64": ("arm64", "arm"),
    "armv7l": ("arm",),
    "armv6l": ("arm",),
    "loongarch64": ("loong64",),
}
_HELPERS = (("squashfs", "atomfs"), ("puzzlefs", "puzzlefs"))  # in a layer's media type: who mounts such images
# Variables that dynamic linkers, shells, interpreters and hooks take orders from; and what many images say, and is none.
_ORDERS = (
    "LD_", "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH", "NLSPATH", "BASH", "ENV=", "IFS=", "SHELLOPTS=", "PS4=", "HOME=", "XDG_",
    "PYTHON", "PERL", "RUBY", "NODE_", "LUA_", "OPENSSL_", "GIT_", "LIBMOUNT_", "TMPDIR=", "LXC_",
)  # fmt: skip
_HARMLESS = ("PYTHON_", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "RUBY_", "NODE_VERSION")
_COMMON_PATH = frozenset(
    ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
)  # where an image may look, and a hook of the host's as well


class Image(Record):
    """What an image's configuration and manifest say; `kinds` are the media types of its layers."""

    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    user: str = ""
    directory: str = ""
    system: str = ""
    architecture: str = ""
    kinds: tuple[str, ...] = ()

    @property
    def helper(self) -> str:
        """The program that mounts images of such layers; "" if they are tar archives."""
        return next((name for mark, name in _HELPERS if any(mark in kind for kind in self.kinds)), "")


def image(config: object, manifest: object) -> Image:
    """The image of this configuration and this manifest (what their JSON says).  Raises ValueError."""
    top = _object(config, "configuration")
    inner = _object(top.get("config"), "configuration's config")
    return Image(
        command=(*_words(inner, "Entrypoint"), *_words(inner, "Cmd")),
        environment=_words(inner, "Env"),
        user=_word(inner, "User"),
        directory=_word(inner, "WorkingDir"),
        system=_word(top, "os"),
        architecture=_word(top, "architecture"),
        kinds=tuple(_word(layer, "mediaType") for layer in layers(manifest)),
    )


def layers(manifest: object) -> tuple[dict[str, object], ...]:
    """What a manifest says of each layer.  Raises ValueError."""
    found = _object(manifest, "manifest").get("layers") or ()
    if not isinstance(found, (list, tuple)):
        raise ValueError("the layers of its manifest are no list")
    return tuple(_object(each, "manifest's layer") for each in found)


def refusal(system: str, architecture: str, machine: str) -> str:
    """Why an image for this system and architecture does not run on this `machine` (of uname(2)); "" if it does."""
    runs = _RUNS.get(machine, (machine,))
    if system in ("", "linux") and architecture in ("", *runs):
        return ""
    return (
        f"the image is for {system or 'linux'}/{architecture}, and this machine runs linux/{' and linux/'.join(runs)}"
    )


def identity(user: str, passwd: str, group: str) -> tuple[int, int]:
    """The uid and gid of what an image calls its user ("web", "1000", "web:staff", "1000:50"), by its own passwd and group.

    Raises ValueError.
    """
    name, _, own_group = user.partition(":")
    uid, gid = _number(name), 0
    for fields in _entries(passwd, 4):
        if (fields[2] == name if uid >= 0 else fields[0] == name) and min(_number(fields[2]), _number(fields[3])) >= 0:
            uid, gid = _number(fields[2]), _number(fields[3])
            break
    if own_group:
        gid = _number(own_group)
        if gid < 0:
            gid = next((_number(fields[2]) for fields in _entries(group, 3) if fields[0] == own_group), -1)
    if uid < 0:
        raise ValueError(f"its user {name!r} is neither a number nor in its /etc/passwd")
    if gid < 0:
        raise ValueError(f"its group {own_group!r} is neither a number nor in its /etc/group")
    return uid, gid


def command_line(words: tuple[str, ...]) -> str:
    """`words` so written that splitting as LXC does gives them back: quotes group, nothing escapes.  Raises ValueError."""
    if not words[0]:
        raise ValueError("it begins with an empty word")
    return " ".join("'\"'".join(f'"{part}"' for part in _said(word).split('"')) for word in words)


def setting(key: str, value: str) -> str:
    """The line of a configuration that gives `key` this value, blanks and quotes at its ends included.  Raises ValueError."""
    value = _said(value)
    is_bare = value == value.strip() and not (len(value) > 1 and value[0] in "'\"" and value[0] == value[-1])
    return f"{key} = {value}\n" if is_bare else f'{key} = "{value}"\n'


def command(found: Image) -> tuple[str, list[str]]:
    """The line that says what lxc-execute runs; and, instead of it, why there is none."""
    try:
        line = command_line(found.command or ("/bin/sh",))
    except ValueError as error:
        return "", [f"its command is left out: {error}; give lxc-execute one after --"]
    return f"lxc.execute.cmd = '{line}'\n", []


def environment(found: Image, *, is_private: bool) -> tuple[str, list[str]]:
    """The lines that set an image's variables; and what is left out, with the reason.

    With `is_private`, or what is an order to programs, is not told to hooks, which are the host's.
    """
    lines, left_out = [], []
    for text in found.environment:
        name, equals, value = text.partition("=")
        try:
            if not name.strip() or not equals:
                raise ValueError("expected NAME=VALUE")
            key = "lxc.environment.runtime" if is_private or _is_order(name, value) else "lxc.environment"
            lines.append(setting(key, text))
        except ValueError as error:
            left_out.append(f"its variable {name!a} is left out: {error}")
    return "".join(lines), left_out


def working_directory(found: Image) -> tuple[str, list[str]]:
    """The line that sets an image's working directory; and, instead of it, why there is none."""
    try:
        return setting("lxc.init.cwd", "/" + found.directory.lstrip("/")), []
    except ValueError as error:
        return "", [f"its working directory {found.directory!a} is left out: {error}"]


def _is_order(name: str, value: str) -> bool:
    """Whether a variable tells programs that know nothing of it what to run or to load."""
    if name == "PATH":
        return not _COMMON_PATH.issuperset(value.split(":"))
    return f"{name}=".startswith(_ORDERS) and not name.startswith(_HARMLESS)


def _said(value: str) -> str:
    """`value`, if a line of a configuration can hold it.  Raises ValueError."""
    if any(character in value for character in "\n\r\0"):
        raise ValueError("a line of a configuration holds no line break")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("it is no text") from None
    return value


def _object(value: object, name: str) -> dict[str, object]:
    if not isinstance(value, dict | None):
        raise ValueError(f"its {name} is no JSON object")
    return value or {}


def _word(of: dict[str, object], name: str) -> str:
    value = of.get(name) or ""
    if not isinstance(value, str):
        raise ValueError(f"its {name} is no text")
    return value


def _words(of: dict[str, object], name: str) -> tuple[str, ...]:
    value = of.get(name) or []
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError(f"its {name} is no list of words")
    return tuple(value)


def _entries(text: str, least: int) -> Iterator[list[str]]:
    """The lines of passwd(5) or group(5) that have at least so many fields."""
    return (fields for fields in (line.split(":") for line in text.split("\n")) if len(fields) >= least)


def _number(text: str) -> int:
    """The id that `text` is; -1 if it is none."""
    is_id = text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= _ID_MAX
    return int(text) if is_id else -1
