/*
 * lxc-client --rest: taking down a container of which nothing is left but cgroups; see rest.c.
 *
 * None can be removed that somebody is in, and being moved to another unified one costs ten milliseconds.  So it is a
 * child that goes on, born where the starter was, when this process has ended, and with it the container's namespaces.
 */
#define _GNU_SOURCE
#include "client.h"
#include "rest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448 /* Linux 5.15 */
#endif

enum { ENDS_MS = 5000, DEEPEST = 16 /* cgroup that a container may have made for us to remove it */ };

/* Whether there is somebody who is to be told more than that it has gone, by lxc-monitord or on a connection. */
static bool is_listened_to(const char *fifo)
{
    int reader = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

    if (reader >= 0)
        close(reader);
    return reader >= 0 || is_told_of_stopping();
}

/* Move to the cgroup whose file that is: of version 1 `tasks`, as only a thread that moves itself can without waiting. */
static bool moves_to(const char *tasks)
{
    int file = open(tasks, O_WRONLY | O_CLOEXEC);
    bool is_there = file >= 0 && write(file, "0", 1) == 1;

    if (file >= 0)
        close(file);
    return is_there;
}

/* Remove the cgroup `name`, and those in it; false if somebody is in one. */
static bool is_removed(int above, const char *name, int depth)
{
    struct dirent *entry;
    bool is_empty = true;
    int directory;
    DIR *all;

    if (unlinkat(above, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return true;
    if (!depth || (directory = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
        return false;
    if (!(all = fdopendir(directory))) {
        close(directory);
        return false;
    }
    while (is_empty && (entry = readdir(all)))
        if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            is_empty = is_removed(directory, entry->d_name, depth - 1);
    closedir(all);
    return is_empty && unlinkat(above, name, AT_REMOVEDIR) == 0;
}

/* Whether nobody but us is in the cgroup: what a hook has left running would be. */
static bool is_alone_in(const char *cgroup)
{
    char path[4096 + sizeof "/cgroup.procs"], pids[32];
    ssize_t got = -1;
    int file;

    snprintf(path, sizeof path, "%s/cgroup.procs", cgroup);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        got = read(file, pids, sizeof pids);
        close(file);
    }
    return got > 0 && memchr(pids, '\n', (size_t)got) == pids + got - 1;
}

/* Whether the child was killed in birth: see lxc/kernel/birth.py. */
static bool is_stillborn(int child)
{
    return child >= 0 && (syscall(SYS_process_mrelease, child, 0) == 0 || errno == ESRCH || errno == EAGAIN);
}

/* Move to the unified cgroup `home` instead, which takes longer, and have nothing open but who is connected. */
static bool is_moved_to(const char *home)
{
    char path[4096 + sizeof "/cgroup.procs"];

    snprintf(path, sizeof path, "%s/cgroup.procs", home);
    if (!moves_to(path))
        return false;
    close_all_but_connections(-1);
    return true;
}

/*
 * Go on as a child in the cgroup `home`, which has nothing open but who is connected; return when this process has ended.
 * False: it is still this one, and not in there.
 */
static bool be_born_in(const char *home)
{
    int pidfd = -1, target = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC), former = (int)syscall(SYS_pidfd_open, getpid(), 0);
    struct clone_args how = {.flags = CLONE_INTO_CGROUP | CLONE_PIDFD, .exit_signal = SIGCHLD, .pidfd = (uintptr_t)&pidfd};
    long child = -1;

    if (target >= 0 && former >= 0) {
        how.cgroup = (__u64)target;
        child = syscall(SYS_clone3, &how, sizeof how);
        if (child > 0 && !is_stillborn(pidfd))
            _exit(0);
    }
    if (target >= 0)
        close(target);
    if (child == 0) {
        close_all_but_connections(former);
        poll(&(struct pollfd){.fd = former, .events = POLLIN}, 1, ENDS_MS);
    }
    if (former >= 0)
        close(former);
    if (child > 0) {
        close(pidfd);
        waitpid((pid_t)child, NULL, 0);
    }
    return child == 0 || (child > 0 && is_moved_to(home));
}

/* Have the kernel do what is asked of its network; it has done it when it has been sent.  What fails has gone. */
static void ask_the_network(void)
{
    size_t size;
    const void *asked = requests(&size);
    int kernel = size ? socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) : -1;

    if (kernel < 0)
        return;
    send(kernel, asked, size, 0);
    close(kernel);
}

/* Remove the cgroups, let go of the container's namespaces, and end.  Returns where there is more to be done. */
void take_down(void)
{
    struct removal it[MOST_REMOVED];
    const char *fifo;
    size_t all = removals(it, &fifo), old = all - (size_t)head.is_unified;

    if (!all || is_listened_to(fifo))
        return;
    for (size_t at = 0; at < all; at++)
        if (!is_removed(AT_FDCWD, it[at].payload, DEEPEST))
            return;
    ask_the_network();
    for (size_t at = 0; at < old; at++)
        if (!moves_to(it[at].home) || rmdir(it[at].monitor) != 0)
            return;
    if (head.is_unified) {
        if (!is_alone_in(it[old].monitor) || !be_born_in(it[old].home))
            return;
        rmdir(it[old].monitor);
    } else {
        close_all_but_connections(-1);
    }
    close(head.listener); /* before the connections: who waits for these to end can start it at once */
    _exit(0);
}
