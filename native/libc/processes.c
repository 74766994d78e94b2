/* System calls about processes and signals, as the system's headers declare them: see start.c. */
#define _GNU_SOURCE
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "call.h"

enum { CANCEL = 32, SETXID = 33, HIGHEST = 64 /* signals */ };
enum { KERNELS_SET = sizeof(uint64_t) /* bytes of signals; the rest of a sigset_t is none's */ };

extern int __libc_current_sigrtmax(void);

pid_t getpid(void)
{
    return (pid_t)CALL1(getpid, 0);
}

pid_t getpgrp(void)
{
    return (pid_t)CALL1(getpgid, 0);
}

uid_t getuid(void)
{
    return (uid_t)CALL1(getuid, 0);
}

uid_t geteuid(void)
{
    return (uid_t)CALL1(geteuid, 0);
}

gid_t getgid(void)
{
    return (gid_t)CALL1(getgid, 0);
}

gid_t getegid(void)
{
    return (gid_t)CALL1(getegid, 0);
}

pid_t setsid(void)
{
    return (pid_t)CALL1(setsid, 0);
}

pid_t tcgetpgrp(int terminal)
{
    pid_t group;

    return ioctl(terminal, TIOCGPGRP, &group) < 0 ? -1 : group;
}

int prctl(int what, ...)
{
    va_list rest;
    unsigned long words[4];

    va_start(rest, what);
    for (int at = 0; at < 4; at++)
        words[at] = va_arg(rest, unsigned long);
    va_end(rest);
    return (int)CALL6(prctl, what, words[0], words[1], words[2], words[3], 0);
}

int setrlimit(enum __rlimit_resource what, const struct rlimit *limit)
{
    return (int)CALL4(prlimit64, 0, what, limit, NULL);
}

int unshare(int flags)
{
    return (int)CALL1(unshare, flags);
}

pid_t fork(void)
{
    return (pid_t)CALL6(clone, SIGCHLD, 0, 0, 0, 0, 0);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    return (pid_t)CALL4(wait4, pid, status, options, NULL);
}

_Noreturn void _exit(int status)
{
    for (;;)
        CALL1(exit_group, status);
}

int execve(const char *path, char *const words[], char *const variables[])
{
    return (int)CALL3(execve, path, words, variables);
}

/* What has no `#!` is the shell's. */
static void execute(const char *path, char *const words[])
{
    size_t count = 0;
    char **longer;

    execve(path, words, environ);
    if (errno != ENOEXEC)
        return;
    while (words[count])
        count++;
    longer = calloc(count + 3, sizeof *longer);
    if (!longer)
        return;
    longer[0] = (char *)(uintptr_t)"/bin/sh", longer[1] = (char *)(uintptr_t)path;
    if (count)
        memcpy(longer + 2, words + 1, count * sizeof *words); /* with the NULL at the end */
    execve(longer[0], longer, environ);
}

int execvp(const char *name, char *const words[])
{
    const char *path = getenv("PATH");
    char whole[PATH_MAX + NAME_MAX + 2];
    bool is_denied = false;

    if (!*name || strchr(name, '/')) {
        errno = ENOENT;
        if (*name)
            execute(name, words);
        return -1;
    }
    if (strlen(name) > NAME_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (const char *at = path ? path : "/bin:/usr/bin", *end;; at = end + 1) {
        size_t length;

        for (end = at; *end && *end != ':'; end++)
            ;
        length = (size_t)(end - at);
        if (length < PATH_MAX) {
            memcpy(whole, at, length);
            whole[length] = '/';
            strcpy(whole + length + (length > 0), name);
            execute(whole, words);
            is_denied = is_denied || errno == EACCES;
            if (errno != EACCES && errno != ENOENT && errno != ENOTDIR && errno != ESTALE && errno != ENODEV && errno != ETIMEDOUT)
                return -1;
        }
        if (!*end)
            break;
    }
    if (is_denied)
        errno = EACCES;
    return -1;
}

/* ---- signals ----------------------------------------------------------------------------------------------------- */

int kill(pid_t pid, int number)
{
    return (int)CALL2(kill, pid, number);
}

int raise(int number)
{
    return (int)CALL3(tgkill, getpid(), CALL1(gettid, 0), number);
}

int sigemptyset(sigset_t *set)
{
    memset(set, 0, sizeof *set);
    return 0;
}

static uint64_t bit(int number)
{
    return (uint64_t)1 << (number - 1);
}

/* Without those that the system's library keeps for its threads: nobody is to block or to pass on those. */
int sigfillset(sigset_t *set)
{
    memset(set, 0, sizeof *set);
    *(uint64_t *)set = ~(bit(CANCEL) | bit(SETXID));
    return 0;
}

int sigaddset(sigset_t *set, int number)
{
    *(uint64_t *)set |= bit(number);
    return 0;
}

int sigdelset(sigset_t *set, int number)
{
    *(uint64_t *)set &= ~bit(number);
    return 0;
}

int sigismember(const sigset_t *set, int number)
{
    return (*(const uint64_t *)set & bit(number)) != 0;
}

int sigprocmask(int how, const sigset_t *set, sigset_t *before)
{
    return (int)CALL4(rt_sigprocmask, how, set, before, KERNELS_SET);
}

int sigwaitinfo(const sigset_t *set, siginfo_t *it)
{
    return (int)CALL4(rt_sigtimedwait, set, it, NULL, KERNELS_SET);
}

int signalfd(int fd, const sigset_t *set, int flags)
{
    return (int)CALL4(signalfd4, fd, set, KERNELS_SET, flags);
}

/* What the kernel takes for `struct sigaction`: no handler of ours is ever called. */
struct action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

int sigaction(int number, const struct sigaction *set, struct sigaction *before)
{
    struct action new = {0}, old = {0};

    if (set)
        new.handler = set->sa_handler;
    if (CALL4(rt_sigaction, number, set ? &new : NULL, &old, KERNELS_SET) < 0)
        return -1;
    if (before)
        before->sa_handler = old.handler;
    return 0;
}

void (*signal(int number, void (*handler)(int)))(int)
{
    struct sigaction new = {.sa_handler = handler}, old;

    return sigaction(number, &new, &old) < 0 ? SIG_ERR : old.sa_handler;
}

int __libc_current_sigrtmax(void)
{
    return HIGHEST;
}
