"""From configuration to what confines a container's processes: label, capabilities, filter.  Pure."""

from __future__ import annotations

from lxc.errors import Unsupported
from lxc.security import plan as security
from lxc.security.apparmor import plan as apparmor
from lxc.security.landlock.plan import Landlock, plan
from lxc.security.plan import Filter, Label, SecurityPlan, Supervision
from lxc.values import capability

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.container import Config
    from lxc.runtime.place import Place
    from lxc.security.apparmor.plan import Host as AppArmor

_SELINUX_UNCONFINED = "unconfined_t"


def label(
    place: Place, config: Config, modules: frozenset[str], host: AppArmor, *, is_mapped: bool
) -> tuple[Label, tuple[str, ...]]:
    """The label of the host's security module, SELinux's before AppArmor's; what is configured of others is warned of."""
    warnings = tuple(
        f"{config.where(key)}: {key} has no effect: the host's kernel has no {module} at work"
        for key, module, without in (
            ("lxc.apparmor.profile", "AppArmor", (apparmor.UNCONFINED, apparmor.UNCHANGED)),
            ("lxc.selinux.context", "SELinux", (_SELINUX_UNCONFINED,)),
        )
        if config.is_set(key) and config.get_item(key) not in ("", *without) and module.lower() not in modules
    )
    if "selinux" in modules:
        context = config.selinux_context if config.selinux_context != _SELINUX_UNCONFINED else ""
        context_place = config.where("lxc.selinux.context")
        keyring = security.KeyringLabel(context, context_place) if context else None
        if config.selinux_context_keyring:
            keyring = security.KeyringLabel(config.selinux_context_keyring, config.where("lxc.selinux.context.keyring"))
        return Label("selinux", context, keyring, where=context_place), warnings
    if "apparmor" in modules:
        profile_place = config.where("lxc.apparmor.profile")
        wish = apparmor.Wish(
            place.name,
            place.lxcpath,
            config.apparmor_profile,
            config.apparmor_allow_incomplete,
            config.apparmor_allow_nesting,
            config.apparmor_raw,
            is_mapped,
            profile_place,
        )
        name, profile = apparmor.decide(wish, host)
        return Label("apparmor", name, profile=profile, where=profile_place), warnings
    return Label(), warnings


def privileges(config: Config, last: int, compiled: Filter, taken: Label) -> SecurityPlan:
    """What the container's init gives up; `last` is the kernel's last capability, `compiled` what lxc.seccomp.profile is."""
    keep = tuple(capability.number(name) for name in config.cap_keep if name != "none") if config.cap_keep else None
    drop = tuple(map(capability.number, config.cap_drop))
    return SecurityPlan(
        dropped=security.bounding(drop, keep, last),
        names=capability.NAMES,
        no_new_privs=config.no_new_privs,
        new_keyring=not config.keyring_session,
        filter=compiled,
        label=taken,
        supervision=Supervision(
            config.seccomp_notify_proxy, config.seccomp_notify_cookie, config.where("lxc.seccomp.notify.proxy")
        ),
        where=config.where("lxc.cap.keep" if keep is not None else "lxc.cap.drop"),
    )


def landlock(config: Config, abi: int) -> tuple[Landlock, tuple[str, ...]]:
    """lxc.x-landlock on a kernel with this version of it (0: none), and warnings.  Raises Unsupported."""
    if not config.x_landlock:
        return Landlock(), ()
    places = config.places("lxc.x-landlock")
    if not abi:
        raise Unsupported(
            "lxc.x-landlock: this kernel has no Landlock, or it is off", where=places[0],
            hint="boot with landlock in the parameter lsm=, or remove lxc.x-landlock",
        )  # fmt: skip
    rules = zip(config.x_landlock, places, strict=True)
    return plan(tuple((rule.rights, rule.target, rule.optional, place) for rule, place in rules), abi)
