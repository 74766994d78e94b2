"""lxc-checkconfig: does this kernel have what containers need?"""

from __future__ import annotations

import os

from lxc import regular
from lxc.cli import output
from lxc.cli.options import Command, Printing, switch
from lxc.errors import LxcError, NotFound
from lxc.release import LXC_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.cli.output import Plain
    from lxc.runtime.check.features import Entry, Facts

_COLOURS = {"enabled": "\x1b[1;32m", "missing": "\x1b[1;33m", "required": "\x1b[1;31m"}
_PLAIN = "\x1b[0;39m"
_DEFAULT = "/proc/config.gz"
_SIZE_MAX = 1 << 26
_GZIP = b"\x1f\x8b"


class CheckconfigArguments(Printing):
    WITHOUT = ("name", "quiet", "logfile", "logpriority", "lxcpath", "rcfile")

    user = switch("user", "", "Check instead what keeps us, an ordinary user, from having containers.")


COMMAND = Command(
    "lxc-checkconfig",
    CheckconfigArguments,
    summary="Checks the kernel for what containers need.",
    description="Prints for each feature whether the kernel was built with it: enabled, missing, or required, if it is "
    "missing and no container can do without. Of features that are modules it is said whether they are loaded, too.\n\n"
    "The environment variable CONFIG names a kernel's build configuration (default: /proc/config.gz, then the places "
    "where distributions put it); MODNAME the module that provides /proc/config.gz (default: configs).\n\n"
    "With --format json the answer is an object: lxc_version, kernel, config (the file), kernel_version (of the "
    "configuration, null if it does not say), sections (an array of objects: title, items (objects: label, status, "
    "module, which is loaded, not loaded or null), mounts (an object of arrays), limits (an object), remarks). "
    "With --user it has: user, checks (an array of objects: label, status, why, remedy).\n\n"
    "With --user it is said of each thing that containers of an ordinary user need whether it is there (ok), missing "
    "(they run without), or required; then why, and the command that mends it. Root, who needs none of it, is refused.",
    name="none",
    containers="none",
    helps_on_stdout=True,
    exits=(
        ("0", "The configuration was found, whatever it lacks; with --user: nothing is required."),
        ("1", "It was not found; with --user: something is required, or we are root."),
    ),
    examples=(("CONFIG=/boot/config-6.12 lxc-checkconfig", "Checks a kernel before it is booted."),),
    see_also=("lxc-check(1)",),
)


def run(arguments: CheckconfigArguments) -> int:
    if arguments.user:
        return _check_user(is_json=arguments.format == "json")
    from lxc.runtime.check import features

    is_json = arguments.format == "json"
    if not is_json:
        output.lines([f"LXC version {LXC_VERSION}"])
    path = os.environ.get("CONFIG") or _DEFAULT
    if not os.path.isfile(path):
        path = _found(path, quiet=is_json)
    facts = features.facts(_read(path))
    if is_json:
        output.json(_plain(path, facts))
        return 0
    if facts.version is None:
        output.lines(["WARNING: Unable to detect version from configuration, assuming latest", ""])
    colour = os.isatty(output.STDOUT)
    for title, entries in features.sections(facts):
        output.lines(["", f"--- {title} ---", *(line for entry in entries for line in _lines(entry, colour))])
    output.lines([
        "",
        "Note : Before booting a new kernel, you can check its configuration",
        "usage : CONFIG=/path/to/config lxc-checkconfig",
        "",
    ])  # fmt: skip
    return 0


def _check_user(*, is_json: bool) -> int:
    """Print what is in this user's way; return 1 if no container can be."""
    if os.geteuid() == 0:
        raise LxcError(
            "--user is for ordinary users: root needs nothing of what it looks for",
            hint="run it as the user who is to have containers: runuser -u USER -- lxc-checkconfig --user",
        )
    from lxc.runtime.check import user as user_check

    facts = user_check.facts()
    found = tuple(user_check.findings(facts))
    if is_json:
        rows: list[Plain] = [
            {"label": each.label, "status": each.status, "why": each.why or None, "remedy": each.remedy or None}
            for each in found
        ]
        output.json({"user": facts.user.name, "checks": rows})
    else:
        for each in found:
            more = [f"  {line}" for line in (each.why, each.remedy) if line]
            output.lines([f"{each.label}: {each.status}", *more])
    return int(any(each.status == user_check.REQUIRED for each in found))


def _found(path: str, *, quiet: bool) -> str:
    """The configuration of the running kernel, which is not at `path`.  Raises NotFound."""
    if path == _DEFAULT:
        _load_module(os.environ.get("MODNAME") or "configs")
        if os.path.isfile(path):
            return path
    if not quiet:
        output.lines([f"Kernel configuration not found at {path}; searching..."])
    release = os.uname().release
    for place in (f"/lib/modules/{release}/build/.config", f"/boot/config-{release}", f"/lib/modules/{release}/config"):
        if os.path.isfile(place):
            if not quiet:
                output.lines([f"Kernel configuration found at {place}"])
            return place
    raise NotFound(
        "unable to retrieve kernel configuration",
        hint="recompile the kernel with IKCONFIG_PROC, install its headers, or say where it is: "
        "CONFIG=<path> lxc-checkconfig",
    )


def _load_module(name: str) -> None:
    import subprocess

    try:
        subprocess.run(["modprobe", "--", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        return  # a kernel without modules needs no modprobe


def _read(path: str) -> str:
    data = regular.read(path, _SIZE_MAX, is_stream=True)[:_SIZE_MAX]
    if data.startswith(_GZIP):
        import zlib

        try:
            data = zlib.decompressobj(wbits=31).decompress(data, _SIZE_MAX)
        except zlib.error as error:
            raise NotFound(f"{path}: cannot be unpacked: {error}") from error
    return data.decode("utf-8", "replace")


def _lines(entry: Entry, colour: bool) -> Iterator[str]:
    from lxc.runtime.check.features import Item, Limits, Mounts

    if isinstance(entry, Item):
        status = f"{_COLOURS[entry.status]}{entry.status}{_PLAIN}" if colour else entry.status
        yield f"{entry.label}: {status}{f', {entry.note}' if entry.note else ''}"
    elif isinstance(entry, Mounts):
        yield f"{entry.label}: "
        yield from (f" - {path}" for path in entry.paths)
    elif isinstance(entry, Limits):
        yield "Namespace limits:"
        yield from (f"  {kind}: {limit}" for kind, limit in entry.of)
    else:
        yield entry.text


def _plain(path: str, facts: Facts) -> dict[str, Plain]:
    from lxc.runtime.check import features

    return {
        "lxc_version": LXC_VERSION,
        "kernel": os.uname().release,
        "config": path,
        "kernel_version": ".".join(map(str, facts.version)) if facts.version else None,
        "sections": [_section(title, entries) for title, entries in features.sections(facts)],
    }


def _section(title: str, entries: tuple[Entry, ...]) -> dict[str, Plain]:
    from lxc.runtime.check.features import Item, Limits, Mounts, Remark

    section: dict[str, Plain] = {
        "title": title,
        "items": [
            {"label": each.label, "status": each.status, "module": each.note or None}
            for each in entries
            if isinstance(each, Item)
        ],
    }
    mounts = {each.label: list(each.paths) for each in entries if isinstance(each, Mounts)}
    limits = {kind: limit for each in entries if isinstance(each, Limits) for kind, limit in each.of}
    remarks = [each.text for each in entries if isinstance(each, Remark)]
    more: dict[str, Plain] = {"mounts": mounts, "limits": limits, "remarks": remarks}
    return section | {name: value for name, value in more.items() if value}
