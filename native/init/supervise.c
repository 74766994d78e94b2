/* Being PID 1 of a container: passing signals on, reaping, and ending in order.  See main.c. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

enum { KILLED_BY = 128, CANNOT_RUN = 255 };

void say(const char *what, const char *about, const char *why)
{
    char line[1024];
    int length = snprintf(line, sizeof line, "lxc-init: %s%s%s%s\n", what, about, *why ? ": " : "", why);

    if (length >= (int)sizeof line)
        line[(length = sizeof line - 1) - 1] = '\n';
    if (length > 0 && write(STDERR_FILENO, line, (size_t)length) < 0)
        return; /* nobody is left to be told */
}

/*
 * Is DIR a cgroup that PID 1 of this pid namespace is in, and nobody from outside?  Those read as 0 (cgroup2).
 * The first page of members is enough: PID 1 was there first, and where it is not seen, nothing is done.
 */
static bool is_own_cgroup(int dir)
{
    char members[4096] = "\n";
    struct statfs fs;
    int fd;
    ssize_t length;

    if (fstatfs(dir, &fs) < 0 || (fs.f_type != CGROUP_SUPER_MAGIC && fs.f_type != CGROUP2_SUPER_MAGIC))
        return false;
    fd = openat(dir, "cgroup.procs", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    length = read(fd, members + 1, sizeof members - 2);
    close(fd);
    if (length <= 0)
        return false;
    members[1 + length] = '\0';
    return strstr(members, "\n1\n") && !strstr(members, "\n0\n");
}

/*
 * Forbid new processes, if the container sees its own pids controller; else killing them takes more than one round.
 * Where the host has mounted cgroups with nsdelegate, as systemd does, the limits of a namespace's root are its parent's: EPERM.
 */
static void forbid_forks(void)
{
    static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/pids"};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int dir = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int file = -1;

        if (dir >= 0 && is_own_cgroup(dir))
            file = openat(dir, "pids.max", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (file >= 0) {
            if (write(file, "0", 1) < 0 && errno != EPERM)
                say("cannot forbid forks in ", places[i], strerror(errno));
            close(file);
        }
        if (dir >= 0)
            close(dir);
    }
}

/*
 * Make ps(1) show `init`: write it over the arguments.  Where the last byte of the arguments is not NUL, the kernel
 * takes what stands there for a title that ends at its own NUL.
 */
static void set_title(int argc, char **argv)
{
    static const char title[] = "init";
    size_t length = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]);

    prctl(PR_SET_NAME, title);
    if (length < sizeof title)
        return;
    memset(argv[0], 0, length);
    memcpy(argv[0], title, sizeof title);
    argv[0][length] = '.';
}

/* The command's side of the fork: a session of its own, on the terminal that is standard input if that is free. */
static _Noreturn void run(char **command)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    ioctl(STDIN_FILENO, TIOCSCTTY, 0); /* not a terminal, or another session's: CMD goes without */
    execvp(command[0], command);
    say("cannot run ", command[0], strerror(errno));
    _exit(CANNOT_RUN);
}

/* Block what init waits for: all signals but those of its own faults.  PID 1 gets a blocked signal even if unhandled. */
static void block_signals(sigset_t *waited)
{
    static const int faults[] = {SIGILL, SIGSEGV, SIGBUS};

    memset(waited, 0xff, sizeof *waited); /* sigfillset(3) leaves out what a C library has for threads, SIGRTMIN maybe */
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(waited, faults[i]);
    sigprocmask(SIG_SETMASK, waited, NULL);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* an ignored SIGCHLD, inherited, would take the exit codes away */
}

/* Wait for all that ended.  The command's status goes to `status`, and `app` becomes 0.  False: nobody is left. */
static bool reap(pid_t *app, int *status, bool ending)
{
    int ended;
    pid_t pid;

    while ((pid = waitpid(-1, &ended, WNOHANG)) > 0) {
        if (pid == *app) {
            *status = WIFSIGNALED(ended) ? KILLED_BY + WTERMSIG(ended) : WEXITSTATUS(ended);
            *app = 0;
        }
        if (ending)
            alarm(1);
    }
    return pid == 0;
}

/*
 * Run CMD, pass signals on to it, and return its exit code when no process is left.
 *
 * SIGTERM or SIGPWR ends the container: SIGTERM to all, and SIGKILL once none of them has ended for a second.
 * Whoever is not PID 1 (the pid namespace is shared) has nobody but CMD to wait for and to kill.
 */
int supervise(bool named, char **command, int argc, char **argv)
{
    sigset_t waited;
    int status = CANNOT_RUN;
    bool ending = false;
    pid_t app;

    block_signals(&waited);
    app = fork();
    if (app < 0) {
        say("cannot fork", "", strerror(errno));
        return FAILED;
    }
    if (app == 0)
        run(command);
    syscall(SYS_close_range, 3U, ~0U, 0U);
    set_title(argc, argv);

    while (reap(&app, &status, ending)) {
        int number = sigwaitinfo(&waited, NULL);
        pid_t everybody = getpid() == 1 ? -1 : app;

        if (number <= 0 || number == SIGCHLD)
            continue;
        if (number == SIGTERM || number == SIGPWR) {
            if (ending)
                continue;
            if (named)
                forbid_forks();
            if (everybody)
                kill(everybody, SIGTERM);
            alarm(1);
            ending = true;
        } else if (number == SIGALRM && ending) {
            if (everybody)
                kill(everybody, SIGKILL);
        } else if (app) {
            kill(app, number);
        }
    }
    return status;
}
