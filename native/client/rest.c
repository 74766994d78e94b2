/*
 * lxc-client --rest SHEET PACKAGES [deaf [NOTE]]: a monitor that has nothing to do (lxc/runtime/life/rest.py says when, and reads this too).
 *
 * It is the process that the monitor was, init's parent still, without Python and its five megabytes.  What it needs to
 * know is in SHEET, the descriptor of a file in memory:
 *
 *   uint64_t                    how many bytes the following are; what comes after them is Python's
 *   struct head                 what is to be watched
 *   struct waiting …            who waits for a state
 *   struct answer, bytes …      what is answered to which request, as the monitor would
 *   texts, each with a NUL      what is left to be removed, if that is all that is left
 *
 * It answers what is on the sheet, kills init if it is told to stop it, keeps whoever waits for a state, and drops what a
 * console says that nobody hears.  When init has ended it removes the cgroups, and ends (takedown.c).
 * Whatever else happens (another request, a signal, output that somebody wants) makes it Python again, by `wake`, with
 * all connections as they are; where more is to be undone than cgroups a worker of the fork server does that meanwhile,
 * if there is one.
 *
 * One that is deaf does not wake: Python could not be loaded, or could not go on from what is in SHEET, which another
 * version has written.
 *
 * Any local user can connect: lengths are checked before they are believed, and who asks on each message.
 */
#define _GNU_SOURCE
#include "client.h"
#include "rest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST = 4 /* of the connections among what is polled */ };

static char *title, *number_of_sheet;
static int own_program; /* what is executed should Python not come to it */
bool is_deaf;

/* ---- waking ------------------------------------------------------------------------------------------------------ */

static bool note(int file, const void *data, size_t size)
{
    return write(file, data, size) == (ssize_t)size;
}

/* Note down what Python is to know; the file, or -1. */
static int written(int status)
{
    int file = (int)syscall(SYS_memfd_create, "lxc-rest", 0);
    bool is_whole = file >= 0 && note(file, (int32_t[]){status, (int32_t)count}, 2 * sizeof(int32_t));

    for (size_t at = 0; at < count && is_whole; at++) {
        const struct connection *it = connections + at;
        int32_t numbers[] = {it->fd, it->is_trusted, it->is_kept, (int32_t)it->got};

        is_whole = note(file, numbers, sizeof numbers) && note(file, it->request->bytes, it->got);
    }
    if (is_whole || file < 0)
        return file;
    close(file);
    return -1;
}

static bool is_reboot(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP;
}

/* Become Python again; `status` is how init has ended, or -1.  Returns if that cannot be: it stays as it is. */
void wake(int status)
{
    static char text[2][16];
    static char *words[6];
    char directory[108], name[32];
    int channel, file = written(status);
    uint64_t key;

    if (file < 0)
        return;
    snprintf(text[0], sizeof text[0], "%d", file);
    snprintf(text[1], sizeof text[1], "%d", own_program);
    words[0] = title, words[1] = "--wake", words[2] = number_of_sheet, words[3] = text[0], words[4] = text[1];
    arguments = words;
    if (status >= 0 && !is_reboot(status) && !is_served_nowhere() && directory_of(directory, sizeof directory)) {
        key = key_of();
        snprintf(name, sizeof name, "%016llx.end", (unsigned long long)key);
        if ((channel = connect_to(directory, name)) >= 0)
            be_served(channel, -1, key, false); /* init's parent is not needed any more */
    }
    become_awake();
    close(file);
}

/* ---- resting ----------------------------------------------------------------------------------------------------- */

/* Block all signals but those of a fault; a descriptor that tells of those that wake. */
static int block_signals(void)
{
    static const int faults[] = {SIGBUS, SIGILL, SIGSEGV};
    sigset_t all;

    memset(&all, 0xff, sizeof all); /* see lxc-init */
    for (size_t at = 0; at < sizeof faults / sizeof *faults; at++)
        sigdelset(&all, faults[at]);
    sigprocmask(SIG_SETMASK, &all, NULL);
    before = all;
    sigdelset(&all, SIGCHLD); /* init's end is told by its pidfd */
    sigdelset(&all, SIGWINCH);
    return signalfd(-1, &all, SFD_CLOEXEC);
}

/* As a monitor does with what it is sent. */
static void pass_on(int signals)
{
    struct signalfd_siginfo it;

    if (read(signals, &it, sizeof it) == sizeof it)
        syscall(SYS_pidfd_send_signal, head.init_pidfd, it.ssi_signo == SIGHUP ? SIGTERM : (int)it.ssi_signo, NULL, 0);
}

/* Have ps(1) show the first word alone: what lies behind it is the title's end, if the last byte is no NUL (proc(5)). */
static void show_title(int argc, char **argv)
{
    char *end = argv[argc - 1] + strlen(argv[argc - 1]);

    memset(argv[1], 0, (size_t)(end - argv[1]));
    *end = ' ';
    prctl(PR_SET_NAME, argv[0]);
}

/* Init has ended, and who would take down what there is cannot be had: whoever waits for that finds the name free. */
static _Noreturn void end(void)
{
    close(head.listener);
    _exit(LOST);
}

/* Close the connections that are in a note, and that.  If init has ended, so do we. */
static void forget(int file)
{
    int32_t all[2] = {-1, 0}, it[4];
    off_t at = sizeof all;

    if (pread(file, all, sizeof all, 0) == sizeof all && all[0] >= 0)
        end();
    for (int32_t left = all[1]; left > 0 && pread(file, it, sizeof it, at) == sizeof it; left--) {
        close(it[0]);
        at += (off_t)sizeof it + it[3];
    }
    close(file);
}

static void drop_output(struct pollfd *console)
{
    char data[4096];
    ssize_t got = read(console->fd, data, sizeof data);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        console->fd = -1; /* it has hung up: we hold its other end, so this is its end */
}

_Noreturn void rest(int argc, char **argv)
{
    struct pollfd all[FIRST + MOST_CONNECTIONS];
    int status, signals = block_signals();

    if (argc < 4)
        _exit(LOST);
    is_deaf = argc > 4;
    take_sheet(atoi(argv[2]));
    if (argc > 5) /* Python came to nothing: what it was told, and whoever was connected, is let go */
        forget(atoi(argv[5]));
    title = argv[0];
    number_of_sheet = strdup(argv[2]);
    own_program = open("/proc/self/exe", O_PATH);
    snprintf(packages, sizeof packages, "%s", argv[3]);
    for (uint32_t at = 0; at < head.waiting && !is_deaf; at++) {
        struct waiting it = waiting_on_sheet(at);

        keep_waiting(&it);
    }
    show_title(argc, argv);
    if (is_deaf && head.console < 0)
        head.console = head.heard;
    all[0] = (struct pollfd){.fd = head.init_pidfd, .events = POLLIN};
    all[1] = (struct pollfd){.fd = signals, .events = POLLIN};
    all[2] = (struct pollfd){.fd = head.console >= 0 ? head.console : head.heard, .events = POLLIN};
    all[3] = (struct pollfd){.fd = head.listener, .events = POLLIN};
    for (;;) {
        size_t polled = count;

        for (size_t at = 0; at < count; at++)
            all[FIRST + at] = (struct pollfd){.fd = connections[at].fd, .events = POLLIN};
        if (poll(all, FIRST + polled, -1) < 0 && errno != EINTR)
            _exit(LOST);
        if (all[0].revents) {
            if (waitpid(head.init, &status, 0) == head.init) {
                if (!is_reboot(status))
                    take_down();
                wake(status);
            }
            end();
        }
        if ((all[1].revents && !is_deaf) || (all[2].revents && head.console < 0))
            wake(-1);
        if (all[1].revents) /* it is deaf, or there is no Python: it would come for ever */
            pass_on(signals);
        if (all[2].revents)
            drop_output(all + 2);
        for (size_t at = polled; at-- > 0;) /* from the last: one that goes moves those after it */
            if (all[FIRST + at].revents)
                serve(at);
        if (all[3].revents)
            take_connection();
    }
}
