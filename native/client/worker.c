/*
 * lxc-client: having a worker of the server do it, and standing in for that.
 */
#define _GNU_SOURCE
#include "client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

enum { MOST_FDS = 240 };
enum { HELLO = 'Y', REFUSED = 'N', ENDED = 'X', KILLED = 'K' };

struct message {
    uint32_t kind;
    int32_t value;
};

struct request {
    uint64_t key, blocked;
    uint32_t umask, size, arguments, variables, descriptors;
    int32_t terminal;            /* whether the controlling terminal is the last descriptor; the directory and the
                                    mailbox are the first two */
    int32_t numbers[MOST_FDS];   /* of the descriptors */
};

static bool hear(int from, struct message *it)
{
    ssize_t got;

    do
        got = recv(from, it, sizeof *it, MSG_WAITALL);
    while (got < 0 && errno == EINTR);
    return got == sizeof *it;
}

/* Whether the server can tell which process has connected; if not, it wants to be waited for. */
static bool is_known(int to)
{
    int pidfd = -1;
    socklen_t size = sizeof pidfd;

    if (getsockopt(to, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) != 0)
        return errno != ENOPROTOOPT; /* there may be no room for a descriptor */
    close(pidfd);
    return true;
}

/* Which descriptors a program that we execute would get; false if they are too many. */
static bool list_descriptors(struct request *it)
{
    DIR *all = opendir("/proc/self/fd");
    struct dirent *entry;
    bool fits = true;

    if (!all)
        return false;
    while ((entry = readdir(all))) {
        int fd = atoi(entry->d_name);
        int flags = *entry->d_name == '.' ? -1 : fcntl(fd, F_GETFD);

        if (flags < 0 || flags & FD_CLOEXEC)
            continue;
        fits = fits && it->descriptors < MOST_FDS;
        if (fits)
            it->numbers[it->descriptors++] = fd;
    }
    closedir(all);
    return fits;
}

static size_t copy_strings(char *to, char *const *strings, uint32_t *count)
{
    size_t size = 0;

    for (; *strings; strings++, ++*count) {
        size_t length = strlen(*strings) + 1;

        if (to)
            memcpy(to + size, *strings, length);
        size += length;
    }
    return size;
}

/* Send the request; false if that failed, and then nothing has begun. */
static bool ask(int to, struct request *it, const int *first_fds, int last_fd)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE((MOST_FDS + 3) * sizeof(int))];
    } control = {0};
    struct iovec data;
    struct msghdr how = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control};
    size_t size, sent, first = 0;
    int fds[MOST_FDS + 3];
    size_t count = 0;
    char *all;

    size = copy_strings(NULL, arguments + 1, &(uint32_t){0}) + copy_strings(NULL, environment, &(uint32_t){0});
    it->size = (uint32_t)size;
    all = malloc(sizeof *it + size);
    if (!all)
        return false;
    first = copy_strings(all + sizeof *it, arguments + 1, &it->arguments);
    copy_strings(all + sizeof *it + first, environment, &it->variables);
    memcpy(all, it, sizeof *it);
    fds[count++] = first_fds[0];
    fds[count++] = first_fds[1];
    for (uint32_t at = 0; at < it->descriptors; at++)
        fds[count++] = it->numbers[at];
    if (last_fd >= 0)
        fds[count++] = last_fd;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
    how.msg_controllen = CMSG_SPACE(count * sizeof(int));
    for (sent = 0; sent < sizeof *it + size;) {
        ssize_t more;

        data.iov_base = all + sent;
        data.iov_len = sizeof *it + size - sent;
        more = sendmsg(to, &how, MSG_NOSIGNAL);
        if (more < 0 && errno != EINTR)
            return false;
        if (more > 0) {
            sent += (size_t)more;
            how.msg_control = NULL, how.msg_controllen = 0;
        }
    }
    return true;
}

/* ---- being its stand-in ------------------------------------------------------------------------------------------ */

static int channel = -1, mailbox = -1, own_terminal = -1;
static struct termios settings; /* those that our own terminal had at first */

/* The process that runs it, which leads a process group; 0 if it has not begun. */
static pid_t worker(void)
{
    pid_t pid = 0;

    return pread(mailbox, &pid, sizeof pid, 0) == sizeof pid ? pid : 0;
}

/* Whether that is a container's monitor, which takes whatever signal comes, and answers others meanwhile. */
static bool is_monitor(void)
{
    int32_t found[2] = {0, 0};

    return pread(mailbox, found, sizeof found, 0) == sizeof found && found[1];
}

/* Send the worker, or all of its group, a signal, unless it has ended: its pid may be another's then. */
static void pass_on(int number, bool to_all)
{
    struct pollfd end = {.fd = channel, .events = POLLIN};
    pid_t pid;

    do {
        int pidfd = (int)syscall(SYS_pidfd_open, pid = worker(), 0);

        if (pidfd < 0)
            continue;
        if (poll(&end, 1, 0) == 0) { /* nothing was said of its end, so it was there to be opened */
            if (!to_all)
                syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0);
            else if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0)
                kill(-pid, number);
        }
        close(pidfd);
    } while (worker() != pid); /* another has its place */
}

static _Noreturn void die_by(int number)
{
    struct rlimit none = {0, 0};
    sigset_t all;

    setrlimit(RLIMIT_CORE, &none); /* the worker has left one, if that was wanted */
    signal(number, SIG_DFL);
    sigemptyset(&all);
    sigaddset(&all, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    _exit(KILLED_BY + number);
}

bool is_in_background(int terminal)
{
    pid_t foreground = terminal >= 0 ? tcgetpgrp(terminal) : -1; /* none if it has gone */

    return foreground >= 0 && foreground != getpgrp();
}

/* Stop as signal `number` has it, the worker with us, until we are continued. */
static void stop_by(int number)
{
    sigset_t it;

    sigemptyset(&it);
    sigaddset(&it, number);
    pass_on(SIGSTOP, true);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &it, NULL); /* here */
    sigprocmask(SIG_BLOCK, &it, NULL);
}

static bool is_fatal(int number)
{
    return number == SIGHUP || number == SIGINT || number == SIGQUIT || number == SIGTERM;
}

static bool is_to_end(void)
{
    sigset_t come;

    sigpending(&come);
    for (int number = 1; number < NSIG; number++)
        if (is_fatal(number) && sigismember(&come, number))
            return true;
    return false;
}

static void signalled(const struct signalfd_siginfo *it, int terminal, bool reads)
{
    bool stops = it->ssi_signo == SIGTSTP || it->ssi_signo == SIGTTIN || it->ssi_signo == SIGTTOU;

    if (stops && !is_monitor()) {
        stop_by((int)it->ssi_signo);
        while (reads && is_in_background(terminal) && !is_to_end()) {
            stop_by(SIGTTIN); /* which does not stop a job that nobody can continue */
            nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        }
        pass_on(SIGCONT, true);
    } else if (it->ssi_signo == SIGCONT) {
        pass_on(SIGCONT, true);
    } else { /* the terminal's go to all of a job, others to whom they were sent */
        pass_on((int)it->ssi_signo, it->ssi_code == SI_KERNEL && it->ssi_signo != SIGWINCH);
    }
}

/*
 * Give up on a worker that has not begun.  Closing the channel kills it before it does anything, if it is there at all
 * (fcntl(2), F_SETSIG), so what the mailbox says after that is final.
 */
static void give_up(const char *why)
{
    close(channel);
    channel = -1;
    if (!worker())
        run_directly(why);
}

/* A worker that was killed could not do that itself; it had the terminal if we are in its foreground. */
static void put_back(void)
{
    if (own_terminal >= 0 && !is_in_background(own_terminal))
        tcsetattr(own_terminal, TCSANOW, &settings);
}

static void say_lost(void)
{
    fprintf(stderr, "%s: the process that ran this was killed; what it did stays done\n", arguments[1]);
}

static _Noreturn void report_loss(void)
{
    if (strcmp(arguments[1], "--wake") == 0) /* what takes a container down can be done again */
        run_directly("");
    say_lost();
    _exit(LOST);
}

static _Noreturn void end(bool heard, const struct message *it)
{
    if (!worker())
        give_up("the server refused, or ended before it began");
    if (heard && it->kind == ENDED)
        _exit(it->value);
    put_back();
    if (heard && it->kind == KILLED && strcmp(arguments[1], "--wake") != 0) {
        if (it->value == SIGKILL) /* nobody has sent us that */
            say_lost();
        die_by(it->value);
    }
    report_loss();
}

/* A signal is there.  One that ends us while nothing has begun, and does not begin soon, ends us alone. */
static void take_signal(int signals, int terminal, bool reads)
{
    struct pollfd answer = {.fd = channel, .events = POLLIN};
    struct signalfd_siginfo it;

    for (int round = 0; !worker() && round < 100; round++)
        if (poll(&answer, 1, 10) != 0)
            return;
    if (read(signals, &it, sizeof it) != sizeof it)
        return;
    if (worker())
        signalled(&it, terminal, reads);
    else if (is_fatal((int)it.ssi_signo))
        die_by((int)it.ssi_signo);
}

static _Noreturn void accompany(int signals, int terminal, bool reads)
{
    struct pollfd all[] = {{.fd = channel, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    struct message it;

    for (;;) {
        int ready = poll(all, 2, worker() ? -1 : PATIENCE * 1000);

        if (ready == 0 && !worker()) {
            give_up("the server does not answer");
            report_loss(); /* it began in the last moment, and was ended by that */
        }
        if (ready > 0 && all[0].revents)
            end(hear(channel, &it), &it);
        if (ready > 0 && all[1].revents)
            take_signal(signals, terminal, reads);
    }
}

/* All that a signal handler may be for, and that is not ignored: that is left as it is. */
static void block_signals(void)
{
    static const int left[] = {SIGKILL, SIGSTOP, SIGCHLD, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    struct sigaction now;

    memset(&forwarded, 0xff, sizeof forwarded); /* see lxc-init */
    for (size_t at = 0; at < sizeof left / sizeof *left; at++)
        sigdelset(&forwarded, left[at]);
    for (int number = 1; number < 32; number++)
        if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
            sigdelset(&forwarded, number);
    sigprocmask(SIG_BLOCK, &forwarded, &before);
}

/* Have the server that we are connected to do it; does not return.  `reads`: it reads the terminal. */
_Noreturn void be_served(int server, int terminal, uint64_t key, bool reads)
{
    static struct request request;
    struct message it;
    int signals, here;
    mode_t mask;

    channel = server;
    if (terminal >= 0 && tcgetattr(terminal, &settings) == 0)
        own_terminal = terminal;
    if (!list_descriptors(&request))
        run_directly("too many descriptors are open");
    block_signals();
    signals = signalfd(-1, &forwarded, SFD_CLOEXEC);
    here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    mailbox = (int)syscall(SYS_memfd_create, "lxc", MFD_CLOEXEC);
    if (signals < 0 || here < 0 || mailbox < 0)
        run_directly("there is no room for more descriptors");
    if (!is_known(channel) && (!hear(channel, &it) || it.kind != HELLO))
        run_directly("the server refused");
    mask = umask(0);
    umask(mask);
    request.key = key;
    request.umask = mask;
    memcpy(&request.blocked, &before, sizeof request.blocked);
    request.terminal = terminal >= 0;
    if (!ask(channel, &request, (int[]){here, mailbox}, terminal))
        run_directly("the server went away");
    accompany(signals, terminal, reads);
}
