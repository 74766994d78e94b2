/*
 * lxc-user-nic: give a user's network namespace a veth on a bridge that /etc/lxc/lxc-usernet allows him.  Setuid root.
 *
 *   lxc-user-nic create LXCPATH NAME PID TYPE BRIDGE [NIC]         prints NIC:IFINDEX:HOSTNIC:HOSTIFINDEX
 *   lxc-user-nic delete LXCPATH NAME NETNS TYPE BRIDGE HOSTNIC     NETNS: /proc/PID/ns/net or /proc/PID/fd/N
 *
 * Exit code 0 or 1.  Who calls is hostile, and is known by his real uid and his groups; nothing else of him is believed:
 *
 *   - The namespace must be his: opened with his privileges, and below a user namespace that he owns.  No other path
 *     is opened than /proc/PID/ns/net or /proc/PID/fd/N, put together here from numbers.  Whatever is wrong with the
 *     namespace, the answer is the same: it tells nobody what exists.
 *   - /run/lxc/nics notes a device before it is made, as OWNER TYPE BRIDGE HOSTNIC (OWNER: a user, or @GROUP), and its
 *     lock is held meanwhile.  Notes of devices that are gone are dropped.  Nothing is said while the lock is held, so
 *     that nobody holds it up by not reading, and signals of the caller do not reach a process that is all root.
 *     What nobody reads is waited for as the caller's own process, or for seconds only.
 *   - Only a device that was made here for this very user is deleted.
 *
 * What LXC's does and this does too: lxc-user-nic(1), lxc-usernet(5).
 */
#define _GNU_SOURCE
#include "caller.h"
#include "devices.h"
#include "quota.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define UNATTACHED "none" /* the bridge's name for a veth without one */

enum { DEFAULT_MTU = 1500, PATIENCE_S = 10 };

static struct caller caller;
static int made;   /* the ifindex of what a failure has to delete again */
static bool noted; /* the last entry is of what is being made */

static void undo(void)
{
    if (made)
        rtnl_delete(rtnl, made);
    if (noted) {
        entry_count--;
        write_database();
    }
    close_database();
    become_caller(&caller);
}

static void interrupt(int signal_number)
{
    (void)signal_number;
}

/* Tell the caller; false if he does not take it in time.  It is said as root, who can still delete what nobody knows of. */
static bool is_told(const char *answer, size_t length)
{
    struct sigaction act = {.sa_handler = interrupt}; /* without SA_RESTART */
    sigset_t alarms;
    bool is_taken;

    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigaction(SIGALRM, &act, NULL);
    sigprocmask(SIG_UNBLOCK, &alarms, NULL);
    alarm(PATIENCE_S);
    is_taken = write(STDOUT_FILENO, answer, length) == (ssize_t)length;
    alarm(0);
    return is_taken;
}

static void create(int proc, int netns, const char *type, const char *on, const char *nic)
{
    char name[IFNAMSIZ], alias[64], note[512], answer[2 * IFNAMSIZ + 32];
    struct link bridge = {.mtu = DEFAULT_MTU}, host, inside;
    bool attached = strcmp(on, UNATTACHED) != 0, switched;
    const char *owner;
    int error, length, tries = 0;

    open_database(proc);
    cull();
    owner = allotment(&caller, type, on);
    error = attached ? rtnl_get(rtnl, 0, on, &bridge) : 0;
    if (error)
        die("there is no bridge %s on this host: %s%s", on, strerror(error), kernel_said);
    switched = attached && strcmp(bridge.kind, "bridge") != 0;
    do {
        invent(name, caller.uid);
        if (++tries > 100)
            die("cannot find a free name like %s", name);
    } while (exists(name));

    if (snprintf(note, sizeof note, "%s %s %s %s", owner, type, on, name) >= (int)sizeof note)
        die("the line for %s in %s is too long", owner, USERNET);
    keep(note);
    noted = true;
    write_database();
    error = make_pair(name, nic, netns, bridge.mtu);
    if (error == EEXIST)
        die("the network namespace has a device %s already", nic);
    if (error)
        die("cannot make the veth %s with %s as its other end: %s%s", name, nic, strerror(error), kernel_said);
    error = rtnl_get(rtnl, 0, name, &host);
    if (error || host.peer <= 0)
        die("the new device %s is gone again", name);
    made = host.index;
    set_alias(alias, sizeof alias, caller.uid);
    if (attached)
        disable_ipv6(proc, name);
    bring_up(host.index, name, alias, attached && !switched ? &bridge : NULL);
    look_inside(proc, netns, host.peer, &inside);
    error = switched ? ovs("add-port", on, name) : 0;
    if (error == 127)
        die("%s is not a bridge of the kernel, and there is no ovs-vsctl to add %s to one of Open vSwitch", on, name);
    if (error)
        die("ovs-vsctl add-port %s %s failed with exit code %d", on, name, error);

    close_database();
    noted = false; /* from here on it is dropped by the next who finds the device gone */
    length = snprintf(answer, sizeof answer, "%s:%d:%s:%d\n", inside.name, inside.index, name, host.index);
    if (!is_told(answer, (size_t)length)) {
        error = errno;
        if (switched)
            ovs("del-port", on, name);
        die("cannot say what was made, so it is deleted again: %s", strerror(error));
    }
}

/* The entry of the device `name`, if it was made for the caller; its link is filled in if it exists. */
static struct entry *own_entry(const char *type, const char *on, const char *name, struct link *link)
{
    char mark[64], prefix[IFNAMSIZ];
    int error = rtnl_get(rtnl, 0, name, link);

    if (error && error != ENODEV)
        die("cannot look for the device %s: %s%s", name, strerror(error), kernel_said);
    if (error)
        memset(link, 0, sizeof *link);
    else if (strcmp(link->kind, "veth") != 0)
        return NULL; /* the name is somebody else's by now */
    set_alias(mark, sizeof mark, caller.uid);
    snprintf(prefix, sizeof prefix, "veth%u_", caller.uid);
    for (size_t i = 0; i < entry_count; i++) {
        char **field = entries[i].field;

        if (!field[LAST] || strcmp(field[LAST], name) != 0 || !is_about(field, field[OWNER], type, on))
            continue;
        /* an entry of a group tells that it was one of them: the name or the kernel's note tells which */
        if (strcmp(field[OWNER], caller.name) == 0 ||
            (field[OWNER][0] == '@' && means(field[OWNER], &caller) &&
             (strncmp(name, prefix, strlen(prefix)) == 0 || strcmp(link->alias, mark) == 0)))
            return &entries[i];
    }
    return NULL;
}

static void delete(int proc, const char *type, const char *on, const char *name)
{
    struct link link, bridge;
    struct entry *entry;
    int error;

    open_database(proc);
    entry = own_entry(type, on, name, &link);
    if (!entry)
        die("%s: no device of type %s on %s that was made for %s", name, type, on, caller.name);
    if (strcmp(on, UNATTACHED) != 0 && rtnl_get(rtnl, 0, on, &bridge) == 0 && strcmp(bridge.kind, "bridge") != 0) {
        error = ovs("del-port", on, name);
        if (error)
            die("ovs-vsctl del-port %s %s failed with exit code %d", on, name, error);
    }
    error = link.index ? rtnl_delete(rtnl, link.index) : 0;
    if (error && error != ENODEV)
        die("cannot delete %s: %s%s", name, strerror(error), kernel_said);
    *entry = entries[--entry_count];
    cull();
    write_database();
}

static _Noreturn void usage(void)
{
    static const char text[] = "usage: lxc-user-nic create {lxcpath} {name} {pid} {type} {bridge} [{container nicname}]\n"
                               "       lxc-user-nic delete {lxcpath} {name} {/proc/<pid>/ns/net path} {type} {bridge} "
                               "{host nicname}\n";

    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(EXIT_FAILURE);
    _exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    bool creating = argc > 1 && strcmp(argv[1], "create") == 0;
    bool deleting = argc > 1 && strcmp(argv[1], "delete") == 0;
    const char *type, *bridge, *nic;
    char place[64] = "";
    struct statfs fs;
    int proc, netns;

    if (geteuid() != 0)
        die("it needs to be root's and setuid: chown root:root, then chmod 4755, and not on a file system with nosuid");
    forget_the_caller();
    if (!(creating && (argc == 7 || argc == 8)) && !(deleting && argc == 8))
        usage();
    type = argv[5];
    bridge = argv[6];
    nic = argc == 8 ? argv[7] : "eth%d";
    if (strcmp(type, "veth") != 0)
        die("a user can have devices of type veth, not of type %s", type);
    if (!is_device_name(bridge, false))
        die("%s cannot be the name of a bridge", bridge);
    if (!is_device_name(nic, creating))
        die("%s cannot be the name of a device: at most %d characters, no space, slash or colon", nic, IFNAMSIZ - 1);
    if (creating) {
        const char *rest = argv[4];
        long pid = number(&rest, INT32_MAX);

        if (pid > 0 && !*rest)
            snprintf(place, sizeof place, "%ld/ns/net", pid);
    } else if (!netns_place(argv[4], place, sizeof place)) {
        place[0] = '\0';
    }
    proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0 || fstatfs(proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
        die("/proc is not mounted");
    caller = identify();
    netns = callers_netns(proc, place, &caller, argv[4]);
    become_root();
    before_dying = undo;
    rtnl = rtnl_open();
    if (rtnl < 0)
        die("cannot talk to the kernel's network: %s", strerror(errno));
    if (creating)
        create(proc, netns, type, bridge, nic);
    else
        delete(proc, type, bridge, nic);
    return EXIT_SUCCESS;
}
