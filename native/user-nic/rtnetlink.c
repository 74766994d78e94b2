/* See rtnetlink.h. */
#define _GNU_SOURCE
#include "rtnetlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

char kernel_said[160];

struct request rtnl_request(int type, int flags, int index)
{
    return (struct request){
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                   .nlmsg_type = (unsigned short)type,
                   .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags),
                   .nlmsg_seq = 1},
        .link = {.ifi_family = AF_UNSPEC, .ifi_index = index},
    };
}

void rtnl_append(struct request *request, const void *data, size_t size)
{
    size_t at = request->header.nlmsg_len;

    if (at + NLMSG_ALIGN(size) > sizeof *request)
        abort(); /* all that we send is shorter by far */
    if (size)
        memcpy((char *)request + at, data, size);
    request->header.nlmsg_len = (unsigned)(at + NLMSG_ALIGN(size));
}

size_t rtnl_put(struct request *request, int type, const void *data, size_t size)
{
    size_t start = request->header.nlmsg_len;
    struct rtattr head = {.rta_len = (unsigned short)RTA_LENGTH(size), .rta_type = (unsigned short)type};

    rtnl_append(request, &head, sizeof head);
    rtnl_append(request, data, size);
    return start;
}

void rtnl_put_text(struct request *request, int type, const char *text)
{
    rtnl_put(request, type, text, strlen(text) + 1);
}

void rtnl_put_number(struct request *request, int type, unsigned value)
{
    rtnl_put(request, type, &value, sizeof value);
}

void rtnl_end(struct request *request, size_t start)
{
    struct rtattr *head = (struct rtattr *)(void *)((char *)request + start);

    head->rta_len = (unsigned short)(request->header.nlmsg_len - start);
}

static void take_text(char *into, size_t size, const struct rtattr *attribute)
{
    size_t length = strnlen(RTA_DATA(attribute), RTA_PAYLOAD(attribute));

    if (length < size) {
        memcpy(into, RTA_DATA(attribute), length);
        into[length] = '\0';
    }
}

static unsigned take_number(const struct rtattr *attribute)
{
    unsigned value = 0;

    if (RTA_PAYLOAD(attribute) == sizeof value)
        memcpy(&value, RTA_DATA(attribute), sizeof value);
    return value;
}

static void take_link(struct link *link, struct nlmsghdr *message)
{
    struct ifinfomsg *info = NLMSG_DATA(message);
    long left = (long)message->nlmsg_len - (long)NLMSG_LENGTH(sizeof *info);

    memset(link, 0, sizeof *link);
    link->index = info->ifi_index;
    for (struct rtattr *at = IFLA_RTA(info); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        switch (at->rta_type) {
        case IFLA_IFNAME: take_text(link->name, sizeof link->name, at); break;
        case IFLA_IFALIAS: take_text(link->alias, sizeof link->alias, at); break;
        case IFLA_MTU: link->mtu = take_number(at); break;
        case IFLA_LINK: link->peer = (int)take_number(at); break;
        case IFLA_LINKINFO: {
            long inner = (long)RTA_PAYLOAD(at);

            for (struct rtattr *in = RTA_DATA(at); RTA_OK(in, inner); in = RTA_NEXT(in, inner))
                if (in->rta_type == IFLA_INFO_KIND)
                    take_text(link->kind, sizeof link->kind, in);
        }
        }
    }
}

/* Keep what the kernel says beside the number (NETLINK_EXT_ACK), after the part of the request that it gives back. */
static void take_words(struct nlmsghdr *message)
{
    struct nlmsgerr *error = NLMSG_DATA(message);
    size_t skip = sizeof *error;
    struct rtattr *at;
    long left;

    if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
        return;
    if (!(message->nlmsg_flags & NLM_F_CAPPED))
        skip += NLMSG_ALIGN(error->msg.nlmsg_len) - sizeof error->msg;
    left = (long)message->nlmsg_len - (long)NLMSG_LENGTH(0) - (long)skip;
    for (at = (struct rtattr *)(void *)((char *)error + skip); RTA_OK(at, left); at = RTA_NEXT(at, left))
        if (at->rta_type == NLMSGERR_ATTR_MSG) {
            memcpy(kernel_said, ": ", 2);
            take_text(kernel_said + 2, sizeof kernel_said - 2, at);
        }
}

int rtnl_ask(int fd, const struct request *request, struct link *answer)
{
    static union {
        struct nlmsghdr header;
        char bytes[1 << 16];
    } got;

    kernel_said[0] = '\0';
    if (send(fd, request, request->header.nlmsg_len, 0) < 0)
        return errno;
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t size = sizeof from;
        ssize_t received = recvfrom(fd, &got, sizeof got, MSG_TRUNC, (struct sockaddr *)&from, &size);
        size_t left = (size_t)received;

        if (received < 0)
            return errno;
        if (left > sizeof got)
            return EMSGSIZE;
        if (from.nl_pid != 0)
            continue; /* not the kernel's */
        for (struct nlmsghdr *at = &got.header; NLMSG_OK(at, left); at = NLMSG_NEXT(at, left)) {
            if (at->nlmsg_type == NLMSG_ERROR && at->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr))) {
                take_words(at);
                return -((struct nlmsgerr *)NLMSG_DATA(at))->error;
            }
            if (at->nlmsg_type == RTM_NEWLINK && answer && at->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg)))
                take_link(answer, at);
        }
    }
}

int rtnl_open(void)
{
    int on = 1, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on); /* an old kernel says less */
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    return fd;
}

int rtnl_get(int fd, int index, const char *name, struct link *link)
{
    struct request get = rtnl_request(RTM_GETLINK, 0, index);

    if (!index)
        rtnl_put_text(&get, IFLA_IFNAME, name);
    rtnl_put_number(&get, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return rtnl_ask(fd, &get, link);
}

int rtnl_delete(int fd, int index)
{
    struct request gone = rtnl_request(RTM_DELLINK, 0, index);

    return rtnl_ask(fd, &gone, NULL);
}
