/* See devices.h. */
#define _GNU_SOURCE
#include "devices.h"

#include "caller.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/veth.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

int rtnl = -1;

bool exists(const char *name)
{
    struct link link;
    int error = rtnl_get(rtnl, 0, name, &link);

    if (error && error != ENODEV)
        die("cannot look for the device %s: %s%s", name, strerror(error), kernel_said);
    return !error;
}

int ovs(const char *verb, const char *bridge, const char *port)
{
    static char *variables[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    int status;
    pid_t pid;

    leave_cgroups(0); /* who takes us out of them because we are frozen would not find what we wait for */
    pid = fork();
    if (pid < 0)
        die("cannot fork: %s", strerror(errno));
    if (pid == 0) {
        char *argv[] = {"ovs-vsctl", "--timeout=20", (char *)verb, (char *)bridge, (char *)port, NULL};
        int null = open("/dev/null", O_RDWR);
        sigset_t nothing;

        sigemptyset(&nothing);
        sigprocmask(SIG_SETMASK, &nothing, NULL);
        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
            _exit(126);
        environ = variables;
        execvp(argv[0], argv);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            die("cannot wait for ovs-vsctl: %s", strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void invent(char name[IFNAMSIZ], uid_t uid)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    unsigned char random[6];
    int wanted = uid > 0 && uid <= 65536 ? 4 : 6;
    int length = wanted == 4 ? snprintf(name, IFNAMSIZ, "veth%u_", uid) : snprintf(name, IFNAMSIZ, "veth");

    if (getrandom(random, sizeof random, 0) != sizeof random)
        die("no random numbers: %s", strerror(errno));
    for (int i = 0; i < wanted; i++)
        name[length++] = letters[random[i] % (sizeof letters - 1)];
    name[length] = '\0';
}

void set_alias(char *alias, size_t size, uid_t uid)
{
    snprintf(alias, size, "lxc-user-nic for uid %u", uid);
}

int make_pair(const char *host, const char *nic, int netns, unsigned mtu)
{
    struct request make = rtnl_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    struct ifinfomsg none = {0};
    unsigned char mac[6];
    size_t info, data, peer;

    if (getrandom(mac, sizeof mac, 0) != sizeof mac)
        return errno;
    mac[0] = 0xfe; /* higher than any other's: a bridge takes the lowest of its ports for its own, and shall not change */
    rtnl_put_text(&make, IFLA_IFNAME, host);
    rtnl_put_number(&make, IFLA_MTU, mtu);
    rtnl_put(&make, IFLA_ADDRESS, mac, sizeof mac);
    info = rtnl_put(&make, IFLA_LINKINFO, NULL, 0);
    rtnl_put_text(&make, IFLA_INFO_KIND, "veth");
    data = rtnl_put(&make, IFLA_INFO_DATA, NULL, 0);
    peer = rtnl_put(&make, VETH_INFO_PEER, NULL, 0);
    rtnl_append(&make, &none, sizeof none);
    rtnl_put_text(&make, IFLA_IFNAME, nic);
    rtnl_put_number(&make, IFLA_MTU, mtu);
    rtnl_put_number(&make, IFLA_NET_NS_FD, (unsigned)netns);
    rtnl_end(&make, peer);
    rtnl_end(&make, data);
    rtnl_end(&make, info);
    return rtnl_ask(rtnl, &make, NULL);
}

void disable_ipv6(int proc, const char *host)
{
    char path[64];
    int fd;

    snprintf(path, sizeof path, "sys/net/ipv6/conf/%s/disable_ipv6", host);
    fd = openat(proc, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return;
    if (fd < 0 || write(fd, "1", 1) != 1)
        die("cannot disable IPv6 on %s: %s", host, strerror(errno));
    close(fd);
}

void bring_up(int index, const char *host, const char *alias, const struct link *bridge)
{
    struct request set = rtnl_request(RTM_NEWLINK, 0, index);
    int error;

    set.link.ifi_flags = set.link.ifi_change = IFF_UP;
    rtnl_put_text(&set, IFLA_IFALIAS, alias);
    if (bridge)
        rtnl_put_number(&set, IFLA_MASTER, (unsigned)bridge->index);
    error = rtnl_ask(rtnl, &set, NULL);
    if (error)
        die("cannot bring up %s%s%s: %s%s", host, bridge ? " on " : "", bridge ? bridge->name : "", strerror(error),
            kernel_said);
}

void look_inside(int proc, int netns, int index, struct link *link)
{
    int fd, error, home = openat(proc, "self/ns/net", O_RDONLY | O_CLOEXEC);

    if (home < 0 || setns(netns, CLONE_NEWNET) < 0)
        die("cannot enter the network namespace: %s", strerror(errno));
    fd = rtnl_open();
    if (fd < 0 || setns(home, CLONE_NEWNET) < 0)
        die("cannot come back to the host's network namespace: %s", strerror(errno));
    error = rtnl_get(fd, index, NULL, link);
    if (error)
        die("the new device is gone again from the network namespace: %s%s", strerror(error), kernel_said);
    close(fd);
    close(home);
}
