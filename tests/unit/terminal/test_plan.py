"""Golden plans: what is configured in, the printed plan out."""

from lxc.terminal.plan import TerminalPlan

DEVPTS = "mount -t devpts -o nosuid,noexec,gid=5,ptmxmode=0666,mode=0620,max={} devpts /dev/pts"


def lines(**config) -> list[str]:
    return str(TerminalPlan(**config)).splitlines()


def test_an_ordinary_container_has_its_console_and_ttys_in_its_own_devpts() -> None:
    assert lines(pty_max=1024, ttys=2) == [
        DEVPTS.format(1026),
        "bind /dev/pts/ptmx to /dev/ptmx",
        "allocate the console in the container's devpts",
        "bind the console to /dev/console",
        "allocate 2 ttys in the container's devpts",
        "bind tty1 to /dev/tty1",
        "bind tty2 to /dev/tty2",
    ]


def test_with_a_tty_dir_terminals_are_bound_there_and_linked() -> None:
    assert lines(pty_max=1024, ttys=1, tty_dir="lxc")[3:] == [
        "mkdir -p /dev/lxc",
        "bind the console to /dev/lxc/console and /dev/console",
        "allocate 1 ttys in the container's devpts",
        "bind tty1 to /dev/lxc/tty1, link /dev/tty1 to it",
    ]


def test_a_tty_dir_is_made_for_ttys_without_a_console_too() -> None:
    assert lines(pty_max=1024, ttys=1, tty_dir="lxc", console_path="none")[2] == "mkdir -p /dev/lxc"


def test_without_pty_max_all_terminals_are_the_hosts_and_no_devpts_is_mounted() -> None:
    assert lines(ttys=1) == [
        "allocate the console in the host's devpts",
        "allocate 1 ttys in the host's devpts",
        "bind the console to /dev/console",
        "bind tty1 to /dev/tty1",
    ]


def test_a_single_pty_is_left_to_the_container_and_the_console_comes_from_the_host() -> None:
    assert lines(pty_max=1) == [
        "allocate the console in the host's devpts",
        DEVPTS.format(1),
        "bind /dev/pts/ptmx to /dev/ptmx",
        "bind the console to /dev/console",
    ]


def test_console_path_none_means_no_console_and_no_log() -> None:
    assert lines(pty_max=10, console_path="none", console_logfile="/log") == [
        DEVPTS.format(10),
        "bind /dev/pts/ptmx to /dev/ptmx",
    ]


def test_in_the_foreground_there_is_a_terminal_also_without_console() -> None:
    assert lines(pty_max=10, console_path="none", console_logfile="/log", tty_dir="lxc", foreground=True) == [
        "open the console's peer /dev/tty",
        DEVPTS.format(10),
        "bind /dev/pts/ptmx to /dev/ptmx",
        "allocate the console in the container's devpts",
    ]


def test_the_peer_is_what_is_configured_else_the_starters_terminal_if_it_stays() -> None:
    assert lines(console_path="/dev/tty7", foreground=True)[0] == "open the console's peer /dev/tty7"
    assert lines(foreground=True)[0] == "open the console's peer /dev/tty"
    assert lines()[0] == "allocate the console in the host's devpts"


def test_the_log_file_is_opened_by_the_monitor() -> None:
    assert "open the console's log file /var/log/c.log" in lines(console_logfile="/var/log/c.log")


def test_an_application_gets_ttys_allocated_but_not_bound() -> None:
    assert lines(pty_max=10, ttys=2, execute=True)[-1] == "allocate 2 ttys in the container's devpts"


def test_a_plan_of_nothing_prints_nothing() -> None:
    assert lines(console_path="none") == []
