/*
 * lxc-init: the last program of ours that a process entering a container executes.
 *
 * It is linked statically and executed from a detached read-only mount, so that the container finds no file of the
 * host behind /proc/PID/exe, and that nothing is loaded from the container: no library, no locale, no user database.
 *
 *   lxc-init [--name=N] [--pdeath=SIGNAL] [-q] [-P PATH] [-o F] [-l L] -- CMD…    be PID 1 of a container that runs CMD
 *   lxc-init --exec=FD [LABEL] [--pdeath=SIGNAL] -- CMD…        become CMD
 *   lxc-init --attach=FD[,tty][,proc-sys] [LABEL] -- CMD…       give birth to CMD in the pid namespace joined before
 *
 * LABEL is --label=ATTR,CONTEXT: CMD gets the SELinux context; nothing on a mount such as ours could.  ATTR is open on
 * the directory /proc/self/attr of a proc that is not the container's.
 *
 * SIGNAL is for PR_SET_PDEATHSIG: the kernel forgets it when a program is executed with another label, as lxc-init is.
 *
 * What is said on FD are native ints of 4 bytes; FD itself ends with exec (close-on-exec):
 *
 *   --exec      nothing: CMD runs   ·   errno: CMD could not be executed
 *   --attach    pid > 0: the child, waiting for nothing else; then as --exec   ·   -errno < 0: there is no child
 *
 * The child of --attach is our parent's child (CLONE_PARENT), and its pid is one of our own pid namespace.  The
 * container's administrator may trace it as soon as it lives and speak in its place: the reader checks that the
 * pid is that of a child of its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init.h"

enum { CANNOT_EXECUTE = 126, NOT_FOUND = 127, LAST_FD = 1 << 30 };

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* ---- become CMD ---------------------------------------------------------------------------------------------- */

/* Write one number to FD; false if nobody reads it. */
static bool tell(int fd, int number)
{
    ssize_t written;

    do
        written = write(fd, &number, sizeof number);
    while (written < 0 && errno == EINTR);
    return written == sizeof number;
}

static _Noreturn void fail(int fd, int error)
{
    tell(fd, error);
    _exit(error == ENOENT ? NOT_FOUND : CANNOT_EXECUTE);
}

static _Noreturn void become(int fd, char **command)
{
    execvp(command[0], command);
    fail(fd, errno);
}

/* Have CMD run with CONTEXT; `text` is ATTR,CONTEXT. Nobody else ever has ATTR: its parents are the host's. */
static bool take_label(const char *text)
{
    const char *context = strchr(text, ',') + 1;
    int attr = atoi(text), file = openat(attr, "exec", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    bool taken = file >= 0 && write(file, context, strlen(context)) >= 0;

    close(attr);
    return taken;
}

/* The parent may be dead by now, whose end nobody would tell us: then the reader of FD is gone. */
static void follow_parent(int fd, const char *number)
{
    struct pollfd reader = {.fd = fd};

    prctl(PR_SET_PDEATHSIG, (unsigned long)atoi(number));
    if (poll(&reader, 1, 0) == 1 && reader.revents & POLLERR)
        _exit(CANNOT_EXECUTE);
}

/* ---- give birth to CMD --------------------------------------------------------------------------------------- */

/* fork(2), but the child is our parent's; the signal it ends with is the one we end with. */
static pid_t fork_sibling(void)
{
    unsigned long flags = CLONE_PARENT | SIGCHLD;

#if defined(__s390__)
    return (pid_t)syscall(SYS_clone, 0, flags, 0, 0, 0);
#else
    return (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
#endif
}

/* What else the child of --attach does before it becomes CMD. */
struct wishes {
    bool tty;      /* a session of its own, on the terminal that is the first of its standard descriptors to be one */
    bool proc_sys; /* /proc and /sys of the namespaces it is in, in a mount namespace of its own */
};

static bool take_terminal(void)
{
    if (setsid() < 0)
        return false;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (ioctl(fd, TIOCSCTTY, 0) == 0)
            return true;
    return false;
}

/* EBUSY: it is the very one that is mounted there, since that namespace is ours. */
static bool mount_own(const char *type, const char *path)
{
    return mount(type, path, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0 || errno == EBUSY;
}

static bool mount_proc_and_sys(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 &&
           mount_own("proc", "/proc") && mount_own("sysfs", "/sys");
}

/* The child waits at `gate` until its pid has been told, so that the reader of FD gets that first. */
static int attach(int fd, struct wishes wishes, const char *label, char **command)
{
    int gate[2];
    char go = 1;
    pid_t child = -1;

    if ((!label || take_label(label)) && pipe2(gate, O_CLOEXEC) == 0)
        child = fork_sibling();
    if (child < 0) {
        tell(fd, -errno);
        return CANNOT_EXECUTE;
    }
    if (child > 0)
        return tell(fd, child) && write(gate[1], &go, 1) == 1 ? EXIT_SUCCESS : CANNOT_EXECUTE;

    close(gate[1]);
    if (read(gate[0], &go, 1) != 1)
        _exit(CANNOT_EXECUTE);
    if ((wishes.tty && !take_terminal()) || (wishes.proc_sys && !mount_proc_and_sys()))
        fail(fd, errno);
    become(fd, command);
}

/* ---- the command line ---------------------------------------------------------------------------------------- */

static int misused(const char *what, const char *about)
{
    say(what, about, "");
    return FAILED;
}

/* Read `FD` of an open descriptor, which is made close-on-exec, and the words that follow it; -1 if it is none. */
static int descriptor(const char *text, struct wishes *wishes)
{
    char *end;
    long number;

    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    number = strtol(text, &end, 10);
    if (wishes && begins_with(end, ",tty")) {
        wishes->tty = true;
        end += strlen(",tty");
    }
    if (wishes && begins_with(end, ",proc-sys")) {
        wishes->proc_sys = true;
        end += strlen(",proc-sys");
    }
    if (errno || *end || number > LAST_FD || fcntl((int)number, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    return (int)number;
}

/* The words after `--`, which stands at `argv[at]`; NULL if there are none. */
static char **command_at(int argc, char **argv, int at)
{
    return at + 1 < argc && strcmp(argv[at], "--") == 0 ? argv + at + 1 : NULL;
}

static int enter(int argc, char **argv)
{
    bool attached = begins_with(argv[1], "--attach=");
    struct wishes wishes = {0};
    int fd = descriptor(strchr(argv[1], '=') + 1, attached ? &wishes : NULL);
    char *label = argc > 2 && begins_with(argv[2], "--label=") && strchr(argv[2], ',') ? strchr(argv[2], '=') + 1 : NULL;
    int next = label ? 3 : 2;
    char *pdeath = !attached && argc > next && begins_with(argv[next], "--pdeath=") ? strchr(argv[next], '=') + 1 : NULL;
    char **command = command_at(argc, argv, pdeath ? next + 1 : next);

    if (fd < 0)
        return misused("not an open descriptor: ", argv[1]);
    if (!command)
        return misused("expected -- and a command after ", argv[1]);
    if (attached)
        return attach(fd, wishes, label, command);
    if (pdeath)
        follow_parent(fd, pdeath);
    if (label && !take_label(label))
        fail(fd, errno);
    become(fd, command);
}

int main(int argc, char **argv)
{
    bool named = false;
    char **command;
    int at = 1;

    if (argc > 1 && (begins_with(argv[1], "--exec=") || begins_with(argv[1], "--attach=")))
        return enter(argc, argv);
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        const char *option = argv[at];

        if (begins_with(option, "--name="))
            named = true;
        else if (begins_with(option, "--pdeath="))
            prctl(PR_SET_PDEATHSIG, (unsigned long)atoi(strchr(option, '=') + 1));
        else if (strcmp(option, "-P") == 0 || strcmp(option, "-o") == 0 || strcmp(option, "-l") == 0)
            at++; /* accepted, of no effect: as LXC's */
        else if (strcmp(option, "-q") != 0)
            return misused("unknown option ", option);
    }
    command = command_at(argc, argv, at);
    if (!command)
        return misused("expected -- and a command", "");
    return supervise(named, command, argc, argv);
}
