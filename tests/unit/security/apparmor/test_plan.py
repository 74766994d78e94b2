"""Which label a container gets, and what a profile that is made says."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lxc.errors import Unsupported
from lxc.security.apparmor.plan import DEFAULT, Host, Wish, abstraction, all_but, decide, generated, profile_name

WEB = Wish("web", "/var/lib/lxc")


@pytest.mark.parametrize(("profile", "host", "label"), [
    ("", Host(), DEFAULT), ("", Host(label="confined"), ""), ("", Host(label="confined", stacks=True), DEFAULT),
    ("unconfined", Host(), ""), ("unconfined", Host(label="confined"), "unconfined"), ("unchanged", Host("confined"), ""),
    ("mine", Host(), "mine"), ("generated", Host(), "lxc-web_</var/lib/lxc>"),
    ("generated", Host(stacks=True), "lxc-web_</var/lib/lxc>//&:lxc-web_<-var-lib-lxc>:"),
    ("", Host(has_default=False), "lxc-web_</var/lib/lxc>"),
])  # fmt: skip
def test_the_label(profile: str, host: Host, label: str) -> None:
    found, made = decide(WEB.replace(profile=profile), host)
    assert found == label
    assert bool(made) == label.startswith("lxc-web")


@pytest.mark.parametrize("profile", ["", "mine", "generated"])
@pytest.mark.parametrize(
    ("host", "why"),
    [
        (Host(mediates_mounts=False), "cannot mediate mounts"),
        (Host(is_seen=False, mediates_mounts=False), "/sys/kernel/security/apparmor is not there"),
    ],
)
def test_a_kernel_that_does_not_mediate_mounts_is_refused_unless_that_is_allowed(
    host: Host, why: str, profile: str
) -> None:
    with pytest.raises(Unsupported, match=why):
        decide(WEB.replace(profile=profile), host)
    assert decide(WEB.replace(profile=profile, allow_incomplete=True), host)[0]
    assert decide(WEB.replace(profile="unconfined"), host) == ("", None)


@pytest.mark.parametrize(("name", "lxcpath", "expected"), [
    ("web", "/var/lib/lxc", "lxc-web_</var/lib/lxc>"), ("w" * 240, "/p", "lxc-"), ('a"b', "/p", "lxc-"), ("a{b", "/p", "lxc-"),
])  # fmt: skip
def test_names(name: str, lxcpath: str, expected: str) -> None:
    found = profile_name(name, lxcpath)
    assert found.startswith(expected)
    assert len(found) <= 246
    assert found == expected or re.fullmatch("lxc-[0-9a-f]{16}", found)


def test_a_generated_profile() -> None:
    text = generated(WEB.replace(raw=("deny /secret r,", "# note")), Host()).text
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == 'profile "lxc-web_</var/lib/lxc>" flags=(attach_disconnected,mediate_deleted) {'
    assert lines[-3:] == ["deny /secret r,", "# note", "}"]
    assert "deny /proc/sysrq-trigger rwklx," in lines
    assert "mount fstype=proc -> /proc/," in lines
    assert "mount," not in lines
    assert "deny /dev/.lxc/{proc,sys}/** rwklx," not in lines
    shared = abstraction().replace("@{profile_name}", "lxc-web_</var/lib/lxc>").splitlines()
    assert {line.strip() for line in shared} <= set(lines)
    assert [line for line in lines if line.startswith("change_profile")] == [
        line.strip() for line in shared if line.strip().startswith("change_profile")
    ]
    assert not [line for line in lines if "options in" in line]  # that allows any part of the options
    assert not [line for line in lines if line.startswith("mount") and "remount" in line]


@pytest.mark.parametrize(("change", "present"), [
    ({"allow_nesting": True}, ("mount,", "umount,", "pivot_root,", "deny /dev/.lxc/{proc,sys}/** rwklx,")), ({"is_mapped": True}, ("mount,", "umount,", "pivot_root,")),
])  # fmt: skip
def test_what_makes_mounts_free(change: dict[str, object], present: tuple[str, ...]) -> None:
    lines = [line.strip() for line in generated(WEB.replace(**change), Host()).text.splitlines()]
    assert set(present) <= set(lines)


def test_a_nested_containers_policy_is_in_the_namespace() -> None:
    made = generated(WEB.replace(allow_nesting=True), Host(stacks=True))
    assert made.namespace == "lxc-web_<-var-lib-lxc>"
    assert f'change_profile -> ":{made.namespace}:*",' in made.text


def test_it_prints_itself() -> None:
    made = generated(WEB, Host(stacks=True))
    first, second = str(made).splitlines()
    assert first == "mkdir /sys/kernel/security/apparmor/policy/namespaces/lxc-web_<-var-lib-lxc>"
    assert second.startswith("apparmor_parser --replace # profile lxc-web_</var/lib/lxc>, ")


def matches(pattern: str, path: str) -> bool:
    """As apparmor.d(5) has it: * and ? do not match a slash, {,/**} is nothing or all below."""
    assert pattern.endswith("{,/**}")
    expression = "".join(
        {"*": "[^/]*", "?": "[^/]"}.get(part, part if part.startswith("[") else re.escape(part))
        for part in re.findall(r"\[[^]]*\]|.", pattern.removesuffix("{,/**}"))
    )
    return re.fullmatch(f"{expression}(/.*)?", path) is not None


NAMES = st.text(st.sampled_from("abkenrl_2"), min_size=1, max_size=8)


@settings(deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=5, unique=True), NAMES, st.booleans())
def test_all_but_some_names(kept: list[str], name: str, is_below: bool) -> None:
    path = f"/d/{name}{'/x/y' * is_below}"
    assert any(matches(pattern, path) for pattern in all_but("/d", tuple(kept))) == (name not in kept)
    assert not any(matches(pattern, "/d") for pattern in all_but("/d", tuple(kept)))
