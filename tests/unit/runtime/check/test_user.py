"""What is in a user's way is named with what removes it; the worst first, in the order in which it is needed."""

from lxc.idmap.plan import Starter
from lxc.runtime.check.user import MISSING, OK, REQUIRED, Facts, Finding, findings

JOE = Starter(1000, 1000, "joe", ((100000, 65536),), ((100000, 65536),))
GOOD = Facts(JOE, layout="unified", default_config="/c")


def wrong(facts: Facts) -> list[Finding]:
    return [each for each in findings(facts) if each.status != OK]


def test_a_host_that_is_ready_has_nothing_in_the_way() -> None:
    assert wrong(GOOD) == []
    assert [each.label for each in findings(GOOD)][-1] == "Delegated cgroups (unified)"


def test_a_restriction_is_told_with_its_remedy() -> None:
    (found,) = wrong(GOOD.replace(restriction="No space left on device", restriction_remedy="sysctl -w x=1"))
    assert found == Finding("User namespaces", REQUIRED, "No space left on device", "sysctl -w x=1")


def test_ids_and_what_writes_them() -> None:
    found = wrong(GOOD.replace(user=JOE.replace(users=(), groups=((5, 10),), has_helpers=False)))
    assert [(each.label, each.status) for each in found] == [
        ("newuidmap and newgidmap", REQUIRED), ("Subordinate user ids", REQUIRED), ("Subordinate group ids", MISSING),
    ]  # fmt: skip
    assert "apt install --reinstall uidmap" in found[0].remedy
    assert found[1].remedy == "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 joe"
    assert "gives 10 ids to joe" in found[2].why


def test_the_way_to_the_containers() -> None:
    closed, private = wrong(GOOD.replace(closed=("/srv/x",), private=("/srv/joe",)))
    assert (closed.status, closed.remedy) == (REQUIRED, "as root: setfacl -m u:joe:x /srv/x")
    assert (private.status, private.remedy) == (MISSING, "chmod o+x /srv/joe")


def test_cgroups_and_the_default_configuration() -> None:
    cgroups, config = wrong(GOOD.replace(layout="none", has_ids_by_default=False))
    assert (cgroups.status, "systemd-run --user --scope -p Delegate=yes" in cgroups.remedy) == (MISSING, True)
    assert config.remedy == ("printf '%s\\n' 'lxc.idmap = u 0 100000 65536' 'lxc.idmap = g 0 100000 65536' >> /c")
    for poor in (JOE.replace(users=()), JOE.replace(groups=())):
        assert "usermod" in wrong(GOOD.replace(user=poor, has_ids_by_default=False))[-1].remedy
