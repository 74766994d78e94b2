/*
 * The part of rtnetlink(7) that lxc-user-nic needs: requests about links, built up attribute by attribute.
 */
#ifndef RTNETLINK_H
#define RTNETLINK_H

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>

struct request {
    struct nlmsghdr header;
    struct ifinfomsg link;
    char attributes[1024];
};

struct link { /* what is not told is 0 or "" */
    int index, peer; /* peer: the ifindex of a veth's other end, in the namespace that is in */
    unsigned mtu;
    char name[IFNAMSIZ], kind[32], alias[64];
};

/* What the kernel said about the last error beside its number (NETLINK_EXT_ACK), ": " before; or "". */
extern char kernel_said[160];

/* A socket for the network namespace that the caller is in; -1 with errno. */
int rtnl_open(void);

/* A request about the link `index` (0: it is to be named, or made), which begins without attributes. */
struct request rtnl_request(int type, int flags, int index);

/* Add what is no attribute. */
void rtnl_append(struct request *request, const void *data, size_t size);

/* Add an attribute; where it starts is returned, for rtnl_end after others have been put into it. */
size_t rtnl_put(struct request *request, int type, const void *data, size_t size);
void rtnl_put_text(struct request *request, int type, const char *text);
void rtnl_put_number(struct request *request, int type, unsigned value);
void rtnl_end(struct request *request, size_t start);

/* Ask the kernel: 0, or an errno.  `answer`, unless NULL, is filled from the link that it tells of. */
int rtnl_ask(int fd, const struct request *request, struct link *answer);

/* The link of that index, or of that name if it is 0: 0, or an errno. */
int rtnl_get(int fd, int index, const char *name, struct link *link);

/* 0, or an errno. */
int rtnl_delete(int fd, int index);

#endif
