/*
 * What lxc-user-nic does to devices.  All but make_pair and ovs die if it fails.
 */
#ifndef DEVICES_H
#define DEVICES_H

#include "rtnetlink.h"

#include <stdbool.h>
#include <sys/types.h>

extern int rtnl; /* of the host's network namespace */

/* Is there a device of that name on the host? */
bool exists(const char *name);

/* A name for the host's end, like LXC's: the user's number in it, if there is room. */
void invent(char name[IFNAMSIZ], uid_t uid);

/* What the kernel notes with a device that was made for `uid`. */
void set_alias(char *alias, size_t size, uid_t uid);

/* Make the pair, the other end born in `netns` with the name `nic`: 0, or an errno. */
int make_pair(const char *host, const char *nic, int netns, unsigned mtu);

/* Nobody on the bridge talks to the port itself.  A kernel without IPv6 has no such file. */
void disable_ipv6(int proc, const char *host);

/* Bring the host's end up, with that note, as a port of `bridge` unless NULL. */
void bring_up(int index, const char *host, const char *alias, const struct link *bridge);

/* The link of that index in the namespace, which we are in only to make the socket to ask with. */
void look_inside(int proc, int netns, int index, struct link *link);

/* Run `ovs-vsctl VERB BRIDGE PORT` without environment: its exit code, or 127 if there is none. */
int ovs(const char *verb, const char *bridge, const char *port);

#endif
