"""Rules about keys that are set and do nothing: here, or on this host."""

from __future__ import annotations

from lxc.config.rules.rule import NOTE, Found, Rule, Subject, idle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.config.container import Config

_APPARMOR = ("profile", "allow_incomplete", "allow_nesting", "raw")


def _without_module(it: Subject) -> Iterator[Found]:
    if it.host.modules is None:
        return
    keys = {"apparmor": [f"lxc.apparmor.{name}" for name in _APPARMOR]}
    keys["selinux"] = ["lxc.selinux.context", "lxc.selinux.context.keyring"]
    for module, names in keys.items():
        for key in it.set_keys(names if module not in it.host.modules else ()):
            proper = {"apparmor": "AppArmor", "selinux": "SELinux"}[module]
            yield it.at(key, f"{key} has no effect here: {proper} is not at work on this host", key)


def _has_console(config: Config) -> bool:
    return config.console_path != "none"


def _has_hooks(config: Config) -> bool:
    return any(
        config.is_set(key) for key in type(config).KEYS if key.startswith("lxc.hook.") and key != "lxc.hook.version"
    )


def _has_scripts(config: Config) -> bool:
    return any(net.script_up or net.script_down for net in config.net.values())


RULES = (
    Rule("module-absent", NOTE, "A key for a security module that the kernel does not use has no effect.",
         "Leave it, if other hosts use the file; rely on nothing it says.", _without_module),
    idle("idle-tmpfs-size", "lxc.autodev.tmpfs.size", "Without lxc.autodev no tmpfs is mounted on /dev.",
         "Leave it out, or set lxc.autodev = 1.", lambda c: c.autodev),
    idle("idle-autodev-hook", "lxc.hook.autodev", "Without lxc.autodev its hooks find no /dev of the container's own.",
         "Use lxc.hook.mount, or set lxc.autodev = 1.", lambda c: c.autodev),
    idle("idle-tty-dir", "lxc.tty.dir", "The container has neither terminals nor a console to put there.",
         "Leave it out, or set lxc.tty.max.", lambda c: bool(c.tty_max) or _has_console(c), NOTE),
    idle("idle-console-size", "lxc.console.size", "There is no log file of the console that could grow.",
         "Set lxc.console.logfile, or leave it out.", lambda c: bool(c.console_logfile)),
    idle("idle-console-rotate", "lxc.console.rotate", "A log file without a largest size is never full.",
         "Set lxc.console.logfile and lxc.console.size.", lambda c: bool(c.console_logfile and c.console_size)),
    idle("idle-console-log", "lxc.console.logfile", "The container has no console: lxc.console.path is none.",
         "Leave it out, or give the container a console.", _has_console),
    idle("idle-ring-buffer", "lxc.console.buffer.size", "The container has no console: lxc.console.path is none.",
         "Leave it out, or give the container a console.", _has_console),
    idle("idle-apparmor-raw", "lxc.apparmor.raw", "Lines are added to generated profiles only.",
         "Set lxc.apparmor.profile = generated.", lambda c: c.apparmor_profile == "generated"),
    idle("idle-apparmor-nesting", "lxc.apparmor.allow_nesting", "Only generated profiles can allow nesting.",
         "Set lxc.apparmor.profile = generated.", lambda c: c.apparmor_profile == "generated"),
    idle("idle-seccomp-nesting", "lxc.seccomp.allow_nesting", "There are no rules for system calls.",
         "Set lxc.seccomp.profile.", lambda c: bool(c.seccomp_profile)),
    idle("idle-seccomp-proxy", "lxc.seccomp.notify.proxy", "There are no rules that could ask it.",
         "Set lxc.seccomp.profile.", lambda c: bool(c.seccomp_profile)),
    idle("idle-seccomp-cookie", "lxc.seccomp.notify.cookie", "There is nobody to send it to.",
         "Set lxc.seccomp.notify.proxy.", lambda c: bool(c.seccomp_notify_proxy)),
    idle("idle-hook-version", "lxc.hook.version", "There are no hooks.", "Leave it out.",
         lambda c: _has_hooks(c) or _has_scripts(c), NOTE),
    idle("idle-start-delay", "lxc.start.delay", "Only containers with lxc.start.auto are started by themselves.",
         "Set lxc.start.auto = 1.", lambda c: c.start_auto, NOTE),
    idle("idle-start-order", "lxc.start.order", "Only containers with lxc.start.auto are started by themselves.",
         "Set lxc.start.auto = 1.", lambda c: c.start_auto, NOTE),
    idle("idle-rootfs-options", "lxc.rootfs.options", "There is no root file system that could be mounted with them.",
         "Set lxc.rootfs.path.", lambda c: bool(c.rootfs_path.path)),
    idle("idle-rootfs-mount", "lxc.rootfs.mount", "There is no root file system that could be mounted there.",
         "Set lxc.rootfs.path.", lambda c: bool(c.rootfs_path.path)),
    idle("idle-network", "lxc.net", "The container shares the network of others, and all of lxc.net is passed over.",
         "Leave lxc.net out, or give the container a network.",
         lambda c: not ("net" in c.namespace_keep or "net" in c.namespace_share
                        or (c.namespace_clone and "net" not in c.namespace_clone))),
    idle("idle-keyring-context", "lxc.selinux.context.keyring", "No session keyring is made: lxc.keyring.session is 1.",
         "Leave one of the two out.", lambda c: not c.keyring_session),
)  # fmt: skip
