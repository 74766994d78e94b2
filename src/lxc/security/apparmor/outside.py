"""Loading and unloading a profile, from the monitor; what the host's AppArmor can do.

What apparmor_parser(8) makes of a text is kept in /run/lxc/apparmor, so that a
second start only hands it to the kernel, which is one write.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.errors import StepError
from lxc.kernel.fs import closing
from lxc.security import kept
from lxc.security.apparmor.plan import DEFAULT, Host, Profile

POLICY = "/sys/kernel/security/apparmor"
DIRECTORY = "/run/lxc/apparmor"
_PARSERS = ("/usr/sbin/apparmor_parser", "/sbin/apparmor_parser")
_LARGEST = 16 << 20  # bytes of a compiled profile


def is_enabled() -> bool:
    try:
        return _read("/sys/module/apparmor/parameters/enabled").startswith("Y")
    except FileNotFoundError:
        return False


def host() -> Host:
    """What this host's AppArmor can do.  Raises OSError."""
    return Host(
        label=_own_label(),
        is_seen=os.path.isdir(POLICY),
        mediates_mounts=os.path.exists(f"{POLICY}/features/mount/mask"),
        stacks=_says_yes(f"{POLICY}/features/domain/stack") and os.path.isdir(f"{POLICY}/policy/namespaces"),
        has_default=_has_default(),
    )


def load(profile: Profile) -> None:
    """Have the kernel know it.  Raises StepError."""
    try:
        _write(f"{POLICY}/.replace", _compiled(profile))
        if profile.namespace:
            try:
                os.mkdir(_namespace(profile))
            except FileExistsError:
                log.debug(f"there is a policy namespace {profile.namespace} already")
    except OSError as error:
        raise StepError(f"load the AppArmor profile {profile.name}", error, where=profile.where) from error


def unload(profile: Profile) -> None:
    """Have the kernel forget it.  What cannot be undone is logged."""
    try:
        if profile.namespace:
            os.rmdir(_namespace(profile))
    except OSError as error:
        log.warn(f"the policy namespace {profile.namespace} stays: {error.strerror}")
    try:
        _write(f"{POLICY}/.remove", profile.name.encode())
    except OSError as error:
        log.warn(f"the AppArmor profile {profile.name} stays: {error.strerror}")


def _namespace(profile: Profile) -> str:
    return f"{POLICY}/policy/namespaces/{profile.namespace}"


def _compiled(profile: Profile) -> bytes:
    """What apparmor_parser makes of it, for this kernel.  Raises StepError, OSError."""
    parser = next((path for path in _PARSERS if os.path.exists(path)), "")
    if not parser:
        raise StepError(
            f"compile the AppArmor profile {profile.name}",
            "there is no apparmor_parser",
            where=profile.where,
            hint="install apparmor (Debian), or set lxc.apparmor.profile to one that is loaded",
        )
    status = os.stat(parser)
    key = f"{parser} {status.st_mtime_ns} {status.st_size} {os.uname().release}\n{profile.text}".encode()
    found = kept.find(key, DIRECTORY, _LARGEST)
    if not found:
        found = _parse(parser, profile)
        kept.keep(key, found, DIRECTORY)
    return found


def _parse(parser: str, profile: Profile) -> bytes:
    from subprocess import run

    argv = (parser, "--quiet", "--skip-cache", "--skip-kernel-load", "--stdout")
    done = run(
        argv, input=profile.text.encode(), capture_output=True, check=False, cwd="/", env={"PATH": "/usr/sbin:/usr/bin"}
    )
    if done.returncode or not done.stdout:
        said = " ".join(done.stderr.decode(errors="replace").split()) or f"it ended with {done.returncode}"
        raise StepError(
            f"compile the AppArmor profile {profile.name}", said, where=profile.where,
            hint="look at the lines of lxc.apparmor.raw",
        )  # fmt: skip
    return done.stdout


def _own_label() -> str:
    for file in ("attr/apparmor/current", "attr/current"):
        try:
            return _read(f"/proc/self/{file}").strip("\0\n").split(" (")[0]
        except OSError:
            continue
    return "unconfined"


def _says_yes(path: str) -> bool:
    try:
        return _read(path).startswith("yes")
    except OSError:
        return False


def _has_default() -> bool:
    """Whether the kernel knows the default profile; who may not ask takes it to."""
    try:
        return any(line.startswith(f"{DEFAULT} (") for line in _read(f"{POLICY}/profiles").split("\n"))
    except OSError as error:
        log.debug(f"cannot read which AppArmor profiles are loaded: {error.strerror}")
        return True


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _write(path: str, data: bytes) -> None:
    """In one write(2): the kernel takes a profile whole."""
    with closing(os.open(path, os.O_WRONLY | os.O_CLOEXEC)) as file:
        os.write(file, data)
