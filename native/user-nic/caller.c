/* See caller.h. */
#define _GNU_SOURCE
#include "caller.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { MOST_GROUPS = 1 << 16 };

struct caller identify(void)
{
    struct caller caller = {.uid = getuid(), .gid = getgid()};
    struct passwd *user = getpwuid(caller.uid);

    if (!user)
        die("uid %u has no user name, and devices are allowed to names", caller.uid);
    caller.name = strdup(user->pw_name);
    caller.group_count = getgroups(0, NULL);
    if (!caller.name || caller.group_count < 0 || caller.group_count > MOST_GROUPS)
        die("cannot tell who calls");
    caller.groups = allocated((size_t)caller.group_count, sizeof *caller.groups);
    caller.group_count = getgroups(caller.group_count, caller.groups);
    if (caller.group_count < 0)
        die("cannot tell the groups of who calls: %s", strerror(errno));
    return caller;
}

bool means(const char *owner, const struct caller *caller)
{
    struct group *group;

    if (*owner != '@')
        return strcmp(owner, caller->name) == 0;
    group = getgrnam(owner + 1);
    if (!group)
        return false;
    for (int i = 0; i < caller->group_count; i++)
        if (caller->groups[i] == group->gr_gid)
            return true;
    return caller->gid == group->gr_gid;
}

/*
 * The namespace at `place` below /proc, opened with the caller's privileges; -1 if it is none, or not for him to open.
 * What lies there is only looked at (O_PATH) until it is known to be a namespace: opening it has effects on no other.
 */
static int open_netns(int proc, const char *place, uid_t uid)
{
    struct statfs fs;
    char again[32];
    int seen, netns = -1;

    if (seteuid(uid) < 0)
        die("cannot give up privileges: %s", strerror(errno));
    seen = openat(proc, place, O_PATH | O_CLOEXEC);
    if (seen >= 0 && fstatfs(seen, &fs) == 0 && fs.f_type == NSFS_MAGIC) {
        snprintf(again, sizeof again, "self/fd/%d", seen);
        netns = openat(proc, again, O_RDONLY | O_CLOEXEC);
    }
    if (seteuid(0) < 0)
        die("cannot take privileges up again: %s", strerror(errno));
    if (seen >= 0)
        close(seen);
    return netns;
}

static bool is_same(int fd, const struct stat *other)
{
    struct stat one;

    return fstat(fd, &one) == 0 && one.st_dev == other->st_dev && one.st_ino == other->st_ino;
}

/*
 * Is `uid` privileged over the network namespace?  As capabilities(7) has it: the user namespace that it belongs to, or
 * one that this lies in, is his, and was made in the one we are in.
 */
static bool is_privileged(int proc, int netns, uid_t uid)
{
    struct stat ours;
    uid_t owner;
    int parent, user = ioctl(netns, NS_GET_NSTYPE) == CLONE_NEWNET ? ioctl(netns, NS_GET_USERNS) : -1;

    if (user < 0 || fstatat(proc, "self/ns/user", &ours, 0) < 0)
        return false;
    if (uid == 0)
        return true;
    while ((parent = ioctl(user, NS_GET_PARENT)) >= 0) {
        if (is_same(parent, &ours))
            return ioctl(user, NS_GET_OWNER_UID, &owner) == 0 && owner == uid;
        close(user);
        user = parent;
    }
    return false;
}

int callers_netns(int proc, const char *place, const struct caller *caller, const char *told)
{
    int netns = *place ? open_netns(proc, place, caller->uid) : -1;

    if (netns < 0 || !is_privileged(proc, netns, caller->uid))
        die("%s: no network namespace that %s may change", told, caller->name);
    return netns;
}

void leave_cgroups(pid_t pid)
{
    static const char *const tops[] = {"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs",
                                       "/sys/fs/cgroup/freezer/cgroup.procs"};
    char text[16];
    int length = snprintf(text, sizeof text, "%d", pid);

    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
        int fd = open(tops[i], O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        bool has_gone = fd >= 0 && write(fd, text, (size_t)length) < 0 && errno == ESRCH;

        if (fd >= 0)
            close(fd);
        if (has_gone)
            return;
    }
}

void forget_the_caller(void)
{
    struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY}, size, processor;
    sigset_t all;
    int fd;

    clearenv();
    umask(022);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        signal(signal_number, SIG_DFL);
    do
        fd = open("/dev/null", O_RDWR); /* what is written to a closed standard descriptor shall reach no file of ours */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0 || syscall(SYS_close_range, 3U, ~0U, 0U) < 0 || chdir("/") < 0)
        _exit(EXIT_FAILURE);
    /* the database must not be written by half; root without CAP_SYS_RESOURCE cannot raise the limit */
    if (setrlimit(RLIMIT_FSIZE, &unlimited) < 0 && (getrlimit(RLIMIT_FSIZE, &size) < 0 || size.rlim_cur < MOST_BYTES))
        die("the limit of the size of files (ulimit -f) is too low");
    /* nor may who has its lock be killed for the time that its caller has used before */
    if (setrlimit(RLIMIT_CPU, &unlimited) < 0
        && (getrlimit(RLIMIT_CPU, &processor) < 0 || processor.rlim_max != RLIM_INFINITY))
        die("the limit of processor time (ulimit -t) is too low");
}

void become_root(void)
{
    if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        die("cannot become root: %s", strerror(errno));
}

void become_caller(const struct caller *caller)
{
    if (setresgid(caller->gid, caller->gid, caller->gid) < 0 || setresuid(caller->uid, caller->uid, caller->uid) < 0)
        _exit(EXIT_FAILURE);
}
