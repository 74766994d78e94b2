/*
 * lxc-client --rest: taking down a container of which nothing is left but cgroups; see rest.c.
 *
 * None can be removed that somebody is in, and being moved to another unified one costs ten milliseconds.  So it is a
 * child that goes on, born where the starter was, with all that is open, when this process has ended.
 */
#define _GNU_SOURCE
#include "client.h"
#include "rest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENDS_MS = 5000, DEEPEST = 16 /* cgroup that a container may have made for us to remove it */ };

/* Whether there is somebody who is to be told more than that it has gone, by lxc-monitord or on a connection. */
static bool is_listened_to(const char *fifo)
{
    int reader = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

    if (reader >= 0)
        close(reader);
    return reader >= 0 || is_told_of_stopping();
}

/* Go on as a child in the cgroup `home`; a descriptor that tells when this process has ended.  -1: it is still this one. */
static int be_born_in(const char *home)
{
    struct clone_args how = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
    int target = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC), former = (int)syscall(SYS_pidfd_open, getpid(), 0);
    long child = -1;

    if (target >= 0 && former >= 0) {
        how.cgroup = (uint64_t)target;
        child = syscall(SYS_clone3, &how, sizeof how);
        if (child > 0)
            _exit(0);
    }
    if (target >= 0)
        close(target);
    if (child == 0)
        return former;
    if (former >= 0)
        close(former);
    return -1;
}

/* Move to the cgroup of version 1 whose `tasks` that is, as only a thread that moves itself can without waiting. */
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

/* Remove the cgroups, and end.  Returns where there is more to be done; this may be another process then. */
void take_down(void)
{
    struct removal it[MOST_REMOVED];
    const char *fifo;
    size_t all = removals(it, &fifo), old = all - (size_t)head.is_unified;
    struct pollfd former = {.fd = -1, .events = POLLIN};

    if (!all || is_listened_to(fifo))
        return;
    if (head.is_unified && (former.fd = be_born_in(it[old].home)) < 0)
        return;
    for (size_t at = 0; at < all; at++)
        if (!is_removed(AT_FDCWD, it[at].payload, DEEPEST))
            return;
    for (size_t at = 0; at < old; at++)
        if (!moves_to(it[at].home))
            return;
    if (former.fd >= 0 && poll(&former, 1, ENDS_MS) != 1)
        return;
    for (size_t at = 0; at < all; at++)
        if (rmdir(it[at].monitor) != 0)
            return;
    close(head.listener); /* before the connections: who waits for these to end can start it at once */
    _exit(0);
}
