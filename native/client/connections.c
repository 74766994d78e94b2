/*
 * lxc-client --rest: who talks on the command socket; see rest.c.
 */
#define _GNU_SOURCE
#include "client.h"
#include "rest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STOP = 2, ADD_STATE_CLIENT = 10 };
enum { RUNNING = 2, STOPPING = 3, REGISTERED = STATES }; /* the first is the state that it is in all the time; the last, that somebody waits for another */
enum { FORBIDDEN = -1 /* EPERM */ };
enum { MOST_STRANGERS = 16 /* the oldest goes */ };
enum { DIES_MS = 500 /* who does not may be frozen, and is Python's to thaw */ };

struct connection connections[MOST_CONNECTIONS];
size_t count;

/* Answer a whole request; true if the connection stays open. */
static bool answer(struct connection *it)
{
    const struct header *asked = &it->request->header;
    int32_t wanted[STATES];

    if (!it->is_trusted) {
        tell(it->fd, FORBIDDEN, 0);
    } else if (asked->first == ADD_STATE_CLIENT && asked->length == sizeof wanted) {
        memcpy(wanted, it->request->bytes + sizeof *asked, sizeof wanted);
        it->is_kept = wanted[RUNNING] != 1;
        tell(it->fd, it->is_kept ? REGISTERED : RUNNING, it->is_kept ? REGISTERED : RUNNING);
        return it->is_kept;
    } else if (asked->first == STOP) {
        if (head.stop_signal != SIGKILL && !is_deaf)
            wake(-1); /* init may make of it a reboot, and there is to be none */
        syscall(SYS_pidfd_send_signal, head.init_pidfd, head.stop_signal, NULL, 0);
        if (!is_deaf && poll(&(struct pollfd){.fd = head.init_pidfd, .events = POLLIN}, 1, DIES_MS) == 0)
            wake(-1);
        it->is_kept = true;
        it->got = 0;
        return true;
    } else if (!answer_from_sheet(it->fd, asked, it->request->bytes + sizeof *asked) && !is_deaf) {
        wake(-1);
    }
    return false;
}

/* Whether somebody waits to be told that it is about to stop: who waits for the end sees that. */
bool is_told_of_stopping(void)
{
    int32_t wanted[STATES];

    for (size_t at = 0; at < count; at++) {
        const struct connection *it = connections + at;

        if (!it->is_kept || it->got != sizeof(struct header) + sizeof wanted)
            continue;
        memcpy(wanted, it->request->bytes + sizeof(struct header), sizeof wanted);
        if (wanted[STOPPING])
            return true;
    }
    return false;
}

/* Close whatever is open but for the listener, who is connected, and `kept`, which may be -1. */
void close_all_but_connections(int kept)
{
    int first = 0;

    for (;;) {
        int next = INT_MAX;

        for (size_t at = 0; at < count; at++)
            if (connections[at].fd >= first && connections[at].fd < next)
                next = connections[at].fd;
        if (head.listener >= first && head.listener < next)
            next = head.listener;
        if (kept >= first && kept < next)
            next = kept;
        if (next > first)
            syscall(SYS_close_range, first, next - 1, 0);
        if (next == INT_MAX)
            return;
        first = next + 1;
    }
}

static bool is_allowed(const struct ucred *who)
{
    return who->uid == 0 || (who->uid == geteuid() && who->gid == getegid());
}

/* Close the connection of a stranger. What he has sent is closed with it, and a socket may linger for as long as he likes
 * (socket(7)), but not if its process ends: one has the connection for longer than we, and does. */
static void let_go(int fd)
{
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) == 0) {
        pid = fork();
        if (pid == 0) {
            char nothing;

            if (fork() == 0 && close(ends[1]) == 0)
                while (read(ends[0], &nothing, 1) < 0 && errno == EINTR)
                    ;
            _exit(0);
        }
        if (pid > 0)
            waitpid(pid, NULL, 0);
        close(fd);
        close(ends[0]);
        close(ends[1]);
        return;
    }
    close(fd);
}

static void drop(size_t at)
{
    if (connections[at].is_stranger)
        let_go(connections[at].fd);
    else
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

/* Serve connection `at`, which may be gone then. */
void serve(size_t at)
{
    struct connection *it = connections + at;
    char more;
    bool stays;

    if (it->is_stranger || it->is_kept) { /* he is not listened to; it has nothing more to say than that it has gone */
        ssize_t got = recv(it->fd, &more, 1, (it->is_stranger ? MSG_PEEK : 0) | MSG_DONTWAIT);

        stays = got < 0 && (errno == EAGAIN || errno == EINTR);
        if (it->is_stranger && got > 0)
            tell(it->fd, FORBIDDEN, 0);
    } else {
        int heard = hear(it);

        stays = heard == 0 || (heard > 0 && answer(it));
    }
    if (!stays)
        drop(at);
}

void take_connection(void)
{
    struct connection *it;
    struct ucred who = {0, (uid_t)-1, (gid_t)-1};
    socklen_t size = sizeof who;
    int fd;

    if (count == MOST_CONNECTIONS && !is_deaf)
        wake(-1); /* so many do not wait for nothing */
    if (count == MOST_CONNECTIONS)
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
void keep_waiting(const struct waiting *waiting)
{
    struct connection *it = connections + count;

    if (count == MOST_CONNECTIONS || !(it->request = malloc(sizeof *it->request)))
        return;
    it->fd = waiting->fd;
    it->is_trusted = it->is_kept = true;
    it->got = sizeof it->request->header + sizeof waiting->wanted;
    it->request->header = (struct header){ADD_STATE_CLIENT, sizeof waiting->wanted, 0};
    memcpy(it->request->bytes + sizeof it->request->header, waiting->wanted, sizeof waiting->wanted);
    count++;
}
