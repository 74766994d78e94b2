"""The bridge that containers are on by default: made, filled with addresses, DHCP and NAT, and taken away by `lxc-net`."""
