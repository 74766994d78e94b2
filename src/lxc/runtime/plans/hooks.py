"""The part of the start plan about hooks: which are run, and what they are told.  Pure."""

from __future__ import annotations

from lxc.hooks import plan as hooks
from lxc.hooks.plan import Hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.config.container import Config
    from lxc.network.plan import NetworkPlan
    from lxc.runtime.place import Place
    from lxc.runtime.plans.start import Facts


def life(place: Place, config: Config, facts: Facts, mount: str, devices: NetworkPlan) -> Hooks:
    """The hooks of the container at `place`; `mount` is where its root is mounted."""
    environment = {
        "LXC_CONFIG_FILE": facts.config_file or place.config_file,
        "LXC_ROOTFS_MOUNT": mount,
        "LXC_ROOTFS_PATH": config.rootfs_path.path,
        "LXC_CONSOLE": config.console_path,
        "LXC_CONSOLE_LOGPATH": config.console_logfile,
        "LXC_CGNS_AWARE": "1",
        "LXC_LOG_LEVEL": facts.log_level,
    }
    commands = {
        "pre-start": config.hook_pre_start,
        "pre-mount": config.hook_pre_mount,
        "mount": config.hook_mount,
        "autodev": config.hook_autodev if config.autodev else (),
        "start": config.hook_start,
        "start-host": config.hook_start_host,
        "stop": config.hook_stop,
        "post-stop": config.hook_post_stop,
    }
    ups, downs = (tuple(_scripts(config, devices, key)) for key in ("script.up", "script.down"))
    if not (any(commands.values()) or ups or downs):
        return Hooks()
    told = {name: value for name, value in environment.items() if value}
    life = hooks.life(
        {
            kind: tuple(zip(values, config.places(f"lxc.hook.{kind}"), strict=False))
            for kind, values in commands.items()
        },
        place.name,
        config.hook_version,
        told,
        (*config.environment, *config.environment_hooks),
    )
    return life.replace(
        net_up=hooks.scripts("up", ups, place.name, config.hook_version, told),
        net_down=hooks.scripts("down", downs, place.name, config.hook_version, told),
    )


def _scripts(config: Config, devices: NetworkPlan, key: str) -> Iterator[tuple[int, str, str]]:
    for device in devices.devices:
        if command := config.net[device.number].get_item(key):
            yield device.number, command, config.where(f"lxc.net.{device.number}.{key}")
