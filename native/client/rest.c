/*
 * lxc-client --rest SHEET PACKAGES [deaf [NOTE]]: a monitor that has nothing to do (lxc/runtime/rest.py says when, and reads this too).
 *
 * It is the process that the monitor was, init's parent still, without Python and its five megabytes.  What it needs to
 * know is in SHEET, the descriptor of a file in memory:
 *
 *   uint64_t                    how many bytes the following are; what comes after them is Python's
 *   struct head                 what is to be watched
 *   struct waiting …            who waits for a state
 *   struct answer, bytes …      what is answered to which request, as the monitor would
 *
 * It answers what is on the sheet, kills init if it is told to stop it, keeps whoever waits for a state, and drops what a
 * console says that nobody hears.
 * Whatever else happens (another request, a signal, output that somebody wants) makes it Python again, by `wake`, with
 * all connections as they are; the end of init has a worker of the fork server take the container down meanwhile, if
 * there is one.
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
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STOP = 2, ADD_STATE_CLIENT = 10 };
enum { RUNNING = 2, REGISTERED = STATES }; /* the state that it is in all the time; that somebody waits for another */
enum { FORBIDDEN = -1 /* EPERM */ };
enum { LONGEST = 8192 /* bytes after a request */ };
enum { MOST = 64 /* connections */, MOST_STRANGERS = 16 /* of them; the oldest goes */ };
enum { FIRST = 4 /* of the connections among what is polled */ };

struct connection {
    int fd;
    bool is_stranger, is_trusted; /* the latter: every part so far is from somebody who may ask */
    bool is_kept;                 /* until something happens: with no request it wants the end, else a state */
    size_t got;
    union {
        struct header header;
        unsigned char bytes[sizeof(struct header) + LONGEST];
    } *request;
};

static char *title, *number_of_sheet;
static int own_program; /* what is executed should Python not come to it */
static bool is_deaf;
static struct connection connections[MOST];
static size_t count;

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

/* Become Python again; `status` is how init has ended, or -1.  Returns if that cannot be: it stays as it is. */
static void wake(int status)
{
    static char text[2][16];
    static char *words[6];
    char directory[108], name[32];
    bool is_reboot = status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP;
    int channel, file = written(status);
    uint64_t key;

    if (file < 0)
        return;
    snprintf(text[0], sizeof text[0], "%d", file);
    snprintf(text[1], sizeof text[1], "%d", own_program);
    words[0] = title, words[1] = "--wake", words[2] = number_of_sheet, words[3] = text[0], words[4] = text[1];
    arguments = words;
    if (status >= 0 && !is_reboot && !is_served_nowhere() && directory_of(directory, sizeof directory)) {
        key = key_of();
        snprintf(name, sizeof name, "%016llx.end", (unsigned long long)key);
        if ((channel = connect_to(directory, name)) >= 0)
            be_served(channel, -1, key, false); /* init's parent is not needed any more */
    }
    become_awake();
    close(file);
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

/* Answer a whole request; true if the connection stays open. */
static bool answer(struct connection *it)
{
    const struct header *asked = &it->request->header;
    int32_t wanted[STATES];

    if (it->is_stranger || !it->is_trusted) {
        tell(it->fd, FORBIDDEN, 0);
    } else if (asked->first == ADD_STATE_CLIENT && asked->length == sizeof wanted) {
        memcpy(wanted, it->request->bytes + sizeof *asked, sizeof wanted);
        it->is_kept = wanted[RUNNING] != 1;
        tell(it->fd, it->is_kept ? REGISTERED : RUNNING, it->is_kept ? REGISTERED : RUNNING);
        return it->is_kept;
    } else if (asked->first == STOP) {
        syscall(SYS_pidfd_send_signal, head.init_pidfd, head.stop_signal, NULL, 0);
        it->is_kept = true;
        it->got = 0;
        return true;
    } else if (!answer_from_sheet(it->fd, asked, it->request->bytes + sizeof *asked) && !is_deaf) {
        wake(-1);
    }
    return false;
}

static bool is_allowed(const struct ucred *who)
{
    return who->uid == 0 || (who->uid == geteuid() && who->gid == getegid());
}

static void drop(size_t at)
{
    close(connections[at].fd);
    free(connections[at].request);
    memmove(connections + at, connections + at + 1, (--count - at) * sizeof *connections);
}

static size_t strangers(void)
{
    size_t found = 0;

    for (size_t at = 0; at < count; at++)
        found += connections[at].is_stranger;
    return found;
}

static void drop_oldest_stranger(void)
{
    for (size_t at = 0; at < count; at++)
        if (connections[at].is_stranger) {
            drop(at);
            return;
        }
}

/* Read what is there of a request; 1 if it is whole, 0 if there may be more, -1 if the connection is to end. */
static int hear(struct connection *it)
{
    for (;;) {
        union {
            struct cmsghdr header;
            char room[CMSG_SPACE(sizeof(struct ucred))]; /* none for descriptors: the kernel drops them */
        } control = {0};
        size_t wanted = sizeof(struct header);
        struct iovec data;
        struct msghdr how = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        struct ucred who = {0, (uid_t)-1, (gid_t)-1};
        ssize_t more;

        if (it->got >= wanted) {
            if (it->request->header.length < 0 || it->request->header.length > LONGEST)
                return -1;
            wanted += (size_t)it->request->header.length;
        }
        if (it->got == wanted)
            return 1;
        data.iov_base = it->request->bytes + it->got;
        data.iov_len = wanted - it->got;
        more = recvmsg(it->fd, &how, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0 && errno == EAGAIN)
            return 0;
        if (more <= 0)
            return -1;
        if (how.msg_controllen >= sizeof control.header && control.header.cmsg_level == SOL_SOCKET
            && control.header.cmsg_type == SCM_CREDENTIALS && control.header.cmsg_len == CMSG_LEN(sizeof who))
            memcpy(&who, CMSG_DATA(&control.header), sizeof who);
        it->is_trusted = it->is_trusted && is_allowed(&who);
        it->got += (size_t)more;
    }
}

/* Serve connection `at`; false if it is gone. */
static bool serve(size_t at)
{
    struct connection *it = connections + at;
    char more;

    if (it->is_kept) { /* it has nothing more to say than that it has gone */
        ssize_t got = recv(it->fd, &more, 1, MSG_DONTWAIT);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
    } else {
        int heard = hear(it);

        if (heard == 0 || (heard > 0 && answer(it)))
            return true;
    }
    drop(at);
    return false;
}

static void take_connection(void)
{
    struct connection *it;
    struct ucred who = {0, (uid_t)-1, (gid_t)-1};
    socklen_t size = sizeof who;
    int fd;

    if (count == MOST && !is_deaf)
        wake(-1); /* so many do not wait for nothing */
    if (count == MOST)
        drop(0);
    it = connections + count;
    fd = accept4(head.listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) { /* out of descriptors: let the oldest end first */
            drop_oldest_stranger();
            nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        }
        return;
    }
    memset(it, 0, sizeof *it);
    it->fd = fd;
    it->is_trusted = true;
    it->request = malloc(sizeof *it->request);
    if (!it->request) {
        close(fd);
        return;
    }
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
    it->is_stranger = !is_allowed(&who);
    count++;
    if (it->is_stranger && strangers() > MOST_STRANGERS) {
        drop_oldest_stranger();
        it--;
    }
    serve((size_t)(it - connections)); /* most have spoken already */
}

/* Somebody who has come before, and waits for a state. */
static void keep(const struct waiting *waiting)
{
    struct connection *it = connections + count;

    if (count == MOST || !(it->request = malloc(sizeof *it->request)))
        return;
    it->fd = waiting->fd;
    it->is_trusted = it->is_kept = true;
    it->got = sizeof it->request->header + sizeof waiting->wanted;
    it->request->header = (struct header){ADD_STATE_CLIENT, sizeof waiting->wanted, 0};
    memcpy(it->request->bytes + sizeof it->request->header, waiting->wanted, sizeof waiting->wanted);
    count++;
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

/* Close the connections that are in a note, and that. */
static void forget(int file)
{
    int32_t all[2], it[4];
    off_t at = sizeof all;

    if (pread(file, all, sizeof all, 0) == sizeof all)
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
    struct pollfd all[FIRST + MOST];
    int status, signals = block_signals();

    if (argc < 4)
        _exit(LOST);
    is_deaf = argc > 4;
    if (argc > 5) /* Python came to nothing: what it was told, and whoever was connected, is let go */
        forget(atoi(argv[5]));
    title = argv[0];
    number_of_sheet = strdup(argv[2]);
    own_program = open("/proc/self/exe", O_PATH);
    snprintf(packages, sizeof packages, "%s", argv[3]);
    take_sheet(atoi(argv[2]));
    for (uint32_t at = 0; at < head.waiting && !is_deaf; at++) {
        struct waiting it = waiting_on_sheet(at);

        keep(&it);
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
            if (waitpid(head.init, &status, 0) == head.init)
                wake(status);
            _exit(LOST);
        }
        if (all[1].revents && is_deaf)
            pass_on(signals);
        else if (all[1].revents || (all[2].revents && head.console < 0))
            wake(-1);
        if (all[2].revents)
            drop_output(all + 2);
        for (size_t at = polled; at-- > 0;) /* from the last: one that goes moves those after it */
            if (all[FIRST + at].revents)
                serve(at);
        if (all[3].revents)
            take_connection();
    }
}
