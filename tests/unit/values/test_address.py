import pytest

from lxc.values import address


@pytest.mark.parametrize(
    ("text", "shown", "broadcast"),
    [("10.0.0.1/8", "10.0.0.1/8", "10.255.255.255"), ("10.0.0.2/24 10.0.0.99", "10.0.0.2/24", "10.0.0.99"),
     ("10.0.0.1/31", "10.0.0.1/31", "0.0.0.0"), ("192.168.1.5", "192.168.1.5/24", "192.168.1.255"),
     ("172.16.0.1", "172.16.0.1/16", "172.16.255.255"), ("10.1.2.3", "10.1.2.3/8", "10.255.255.255")],
)  # fmt: skip
def test_ipv4_has_prefix_and_broadcast(text: str, shown: str, broadcast: str) -> None:
    read = address.ipv4(text)
    assert (str(read), read.broadcast) == (shown, broadcast)


def test_ipv6_is_shown_in_its_shortest_form() -> None:
    assert str(address.ipv6("2001:DB8:0:0::1")) == "2001:db8::1/64"
    assert str(address.ipv6("::1/128")) == "::1/128"


@pytest.mark.parametrize("text", ["10.0.0", "10.0.0.1/33", "10.0.0.1/", "x", "10.0.0.1/8 x", "::1", "10.0.0.1/-1"])
def test_what_is_no_ipv4_address_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        address.ipv4(text)


def test_what_is_no_ipv6_address_is_told_so() -> None:
    for text in ("1::2::3", "10.0.0.1", "::1/129", "fe80::1%eth0"):
        with pytest.raises(ValueError, match="expected"):
            address.ipv6(text)


def test_gateways_are_addresses_or_ways_to_find_one() -> None:
    assert [address.ipv4_gateway(text) for text in ("auto", "dev", "10.0.0.1")] == ["auto", "dev", "10.0.0.1"]
    assert address.ipv6_gateway("FE80::0:1") == "fe80::1"


def test_routes_need_a_prefix() -> None:
    assert str(address.ipv4_route("10.0.0.0/8")) == "10.0.0.0/8"
    assert str(address.ipv6_route("fd00::/8")) == "fd00::/8"
    for parse, text in ((address.ipv4_route, "10.0.0.0"), (address.ipv6_route, "fd00::")):
        with pytest.raises(ValueError, match="ADDRESS/PREFIX"):
            parse(text)


def test_a_template_becomes_the_address_of_one_device() -> None:
    made = {address.hwaddr("xx:16:3e:xX:00:ab") for _ in range(50)}
    assert len(made) > 40
    assert all(int(mac[:2], 16) % 2 == 0 and mac[2:9] == ":16:3e:" and mac.endswith(":00:ab") for mac in made)


@pytest.mark.parametrize(
    "text", ["zz:00:00:00:00:00", "00:16:3e", "00:16:3e:00:00:00:00", "00:16:3e:00:00:", "001:6:3e:0:0:0"]
)
def test_what_is_no_mac_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="expected a MAC address"):
        address.hwaddr(text)


def test_device_names_are_short() -> None:
    assert address.device("a" * 15) == "a" * 15
    with pytest.raises(ValueError, match="at most 15 bytes, got 16"):
        address.device("a" * 16)


def test_a_proxy_is_a_socket() -> None:
    assert [address.show_proxy(address.proxy(text)) for text in ("unix:/run/x", "unix:@x")] == ["/run/x", "x"]
    longest = f"unix:/{'x' * 106}"
    assert address.proxy(longest) == longest
    for text in ("/run/x", "unix:x", "unix:/", "unix:@", f"{longest}x", f"unix:/{'ü' * 54}", "unix", ""):
        with pytest.raises(ValueError, match="unix:"):
            address.proxy(text)


def test_or_functions_of_a_module_or_a_file() -> None:
    for text in ("python:a.b:f", "python:/srv/a b.py:f, g", "python:a:f,g"):
        assert address.proxy(text) == text
    for text in (
        "python:a b:f",
        "python:/srv/a:f",
        "python:a:",
        "python:a:f,",
        "python:a:f.g",
        "python:f",
        "pythons:a:f",
    ):
        with pytest.raises(ValueError, match="python:module:function"):
            address.proxy(text)


def test_a_vlan_has_a_number_or_is_none() -> None:
    assert [address.vlan_id(text) for text in ("none", "0", "4094")] == [-1, 0, 4094]
    for text in ("-1", "4095", "x", ""):
        with pytest.raises(ValueError, match="expected"):
            address.vlan_id(text)
