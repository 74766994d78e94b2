from lxc.limits import plan


def test_the_plan_prints_like_a_script() -> None:
    it = plan.plan(
        [("nofile", 7, 64, plan.UNLIMITED, "config:1")],
        [("oom_score_adj", "10", "config:2")],
        [("net.a.b", "1", "c:3")],
    )
    assert str(it) == "prlimit --nofile=64:\necho 10 > /proc/INIT/oom_score_adj"
    assert [str(step) for step in it.parameters] == ["sysctl -w net.a.b=1"]


def test_every_dot_of_a_parameter_separates() -> None:
    assert plan.KernelParameter("net.ipv4.ip_forward", "1").path == "proc/sys/net/ipv4/ip_forward"
