"""What lxc-checkconfig says of a kernel."""

from __future__ import annotations

import pytest

from lxc.runtime.check import features
from lxc.runtime.check.features import Entry, Facts, Item, Limits, Mounts, Remark

EVERYTHING = {
    row.option: "y" for row in (*features.NAMESPACES, *features.CGROUPS, *features.MISC, *features.CHECKPOINT)
}


def section(title: str, facts: Facts) -> tuple[Entry, ...]:
    return dict(features.sections(facts))[title]


def items(title: str, facts: Facts) -> dict[str, str]:
    return {each.label: each.status for each in section(title, facts) if isinstance(each, Item)}


def test_a_configuration_is_read() -> None:
    text = "#\n# Linux/arm64 5.10.0-rc2 Kernel Configuration\n#\nCONFIG_A=y\n CONFIG_B=m\nCONFIG_C=n\n# CONFIG_D is not set\n"
    assert features.options(text) == ({"A": "y", "B": "m"}, (5, 10, 0))
    assert features.options('CONFIG_A=y\nCONFIG_S="x"\n') == ({"A": "y"}, None)


def test_what_no_container_can_do_without_is_required() -> None:
    missing = {label for label, status in items("Namespaces", Facts({})).items() if status == "required"}
    assert missing == {"Namespaces", "Ipc namespace", "Pid namespace"}
    assert set(items("Namespaces", Facts(EVERYTHING)).values()) == {"enabled"}


@pytest.mark.parametrize(
    ("version", "label", "is_asked"),
    [
        ((4, 6, 9), "Multiple /dev/pts instances", True),
        ((4, 7, 0), "Multiple /dev/pts instances", False),
        (None, "Multiple /dev/pts instances", False),
        ((4, 19, 0), "CONFIG_NF_NAT_IPV4", True),
        ((5, 1, 0), "CONFIG_NF_NAT_IPV6", False),
        (None, "CONFIG_NF_NAT_IPV4", False),
    ],
)
def test_options_are_asked_of_kernels_that_have_them(
    version: tuple[int, ...] | None, label: str, is_asked: bool
) -> None:
    facts = Facts({}, version)
    assert (label in items("Namespaces", facts) | items("Misc", facts)) == is_asked


def test_file_capabilities_are_always_there_since_long() -> None:
    assert items("Checkpoint/Restore", Facts({}))["File capabilities"] == "enabled"
    assert items("Checkpoint/Restore", Facts({}, (2, 6, 32)))["File capabilities"] == "missing"


def test_sets_of_processors_are_for_several_processors() -> None:
    assert "Cgroup cpuset" not in items("Control groups", Facts({}))
    assert items("Control groups", Facts({"SMP": "y"}))["Cgroup cpuset"] == "missing"


@pytest.mark.parametrize(
    ("modules", "note"), [(None, ""), (frozenset({"veth"}), "loaded"), (frozenset({"bridge"}), "not loaded")]
)
def test_a_module_is_loaded_or_not(modules: frozenset[str] | None, note: str) -> None:
    entries = section("Misc", Facts({"VETH": "m", "BRIDGE": "y"}, modules=modules))
    notes = {each.label: each.note for each in entries if isinstance(each, Item)}
    assert (notes["Veth pair device"], notes["Bridges"]) == (note, "")


def test_hierarchies_of_version_1_are_missed_where_version_2_is_not_all() -> None:
    freezer = ("/sys/fs/cgroup/freezer", ("rw", "freezer"))
    hybrid = Facts({}, cgroup1=(freezer,), cgroup2=("/sys/fs/cgroup/unified",), has_clone_children=True)
    unified = Facts({}, cgroup2=("/sys/fs/cgroup",))
    assert items("Control groups", hybrid)["Cgroup v1 systemd controller"] == "missing"
    assert "Cgroup v1 freezer controller" not in items("Control groups", hybrid)
    assert items("Control groups", hybrid)["Cgroup v1 clone_children flag"] == "enabled"
    assert not [label for label in items("Control groups", unified) if " v1 " in label]
    assert Mounts("Cgroup v2 mount points", ("/sys/fs/cgroup",)) in section("Control groups", unified)


def test_remarks_and_limits_stand_with_the_namespaces() -> None:
    facts = Facts({"USER_NS": "y"}, remarks=("newuidmap is not installed",), limits=(("user", 5),))
    entries = section("Namespaces", facts)
    assert Remark("newuidmap is not installed") in entries
    assert entries[-1] == Limits((("user", 5),))
    assert Remark("newuidmap is not installed") not in section("Namespaces", facts.replace(options={}))
