/* System calls, as the system's headers declare them: see start.c. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "call.h"

long syscall(long number, ...)
{
    va_list rest;
    long words[6];

    va_start(rest, number);
    for (int at = 0; at < 6; at++)
        words[at] = va_arg(rest, long);
    va_end(rest);
    return done(call(number, words[0], words[1], words[2], words[3], words[4], words[5]));
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

int open(const char *path, int flags, ...)
{
    return (int)CALL4(openat, AT_FDCWD, path, flags, flags & (O_CREAT | O_TMPFILE) ? LAST(flags, mode_t) : 0);
}

int openat(int directory, const char *path, int flags, ...)
{
    return (int)CALL4(openat, directory, path, flags, flags & (O_CREAT | O_TMPFILE) ? LAST(flags, mode_t) : 0);
}

int close(int fd)
{
    return (int)CALL1(close, fd);
}

ssize_t read(int fd, void *data, size_t size)
{
    return CALL3(read, fd, data, size);
}

ssize_t pread(int fd, void *data, size_t size, off_t at)
{
    return CALL4(pread64, fd, data, size, at);
}

ssize_t write(int fd, const void *data, size_t size)
{
    return CALL3(write, fd, data, size);
}

int fcntl(int fd, int what, ...)
{
    return (int)CALL3(fcntl, fd, what, LAST(what, long));
}

int ioctl(int fd, unsigned long what, ...)
{
    return (int)CALL3(ioctl, fd, what, LAST(what, void *));
}

int dup2(int fd, int wanted)
{
    return fd == wanted ? fd : (int)CALL3(dup3, fd, wanted, 0);
}

int pipe2(int ends[2], int flags)
{
    return (int)CALL2(pipe2, ends, flags);
}

int flock(int fd, int what)
{
    return (int)CALL2(flock, fd, what);
}

int fstatat(int directory, const char *path, struct stat *it, int flags)
{
    return (int)CALL4(newfstatat, directory, path, it, flags);
}

int stat(const char *path, struct stat *it)
{
    return fstatat(AT_FDCWD, path, it, 0);
}

int lstat(const char *path, struct stat *it)
{
    return fstatat(AT_FDCWD, path, it, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *it)
{
    return (int)CALL2(fstat, fd, it);
}

int fstatfs(int fd, struct statfs *it)
{
    return (int)CALL2(fstatfs, fd, it);
}

int futimens(int fd, const struct timespec times[2])
{
    return (int)CALL4(utimensat, fd, NULL, times, 0);
}

int mkdir(const char *path, mode_t mode)
{
    return (int)CALL3(mkdirat, AT_FDCWD, path, mode);
}

int chdir(const char *path)
{
    return (int)CALL1(chdir, path);
}

ssize_t readlinkat(int directory, const char *path, char *to, size_t size)
{
    return CALL4(readlinkat, directory, path, to, size);
}

ssize_t readlink(const char *path, char *to, size_t size)
{
    return readlinkat(AT_FDCWD, path, to, size);
}

mode_t umask(mode_t mask)
{
    return (mode_t)CALL1(umask, mask);
}

int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)
{
    return (int)CALL6(mount, source, target, type, flags, data, 0);
}

void *mmap(void *where, size_t size, int may, int flags, int fd, off_t at)
{
    return (void *)CALL6(mmap, where, size, may, flags, fd, at);
}

/* One directory at a time. */
struct __dirstream {
    int fd;
    long at, end;
    _Alignas(struct dirent) char entries[2048];
};

DIR *opendir(const char *path)
{
    static struct __dirstream it;

    it.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    it.at = it.end = 0;
    return it.fd < 0 ? NULL : &it;
}

struct dirent *readdir(DIR *it)
{
    struct dirent *entry;

    if (it->at == it->end) {
        it->at = 0;
        it->end = CALL3(getdents64, it->fd, it->entries, sizeof it->entries);
    }
    if (it->end <= 0)
        return NULL;
    entry = (struct dirent *)(void *)(it->entries + it->at);
    it->at += entry->d_reclen;
    return entry;
}

int closedir(DIR *it)
{
    return close(it->fd);
}

/* ---- sockets and waiting ----------------------------------------------------------------------------------------- */

int socket(int family, int type, int protocol)
{
    return (int)CALL3(socket, family, type, protocol);
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    return (int)CALL3(connect, fd, address, size);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    return (int)CALL6(setsockopt, fd, level, name, value, size, 0);
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
    return (int)CALL6(getsockopt, fd, level, name, value, size, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return CALL3(sendmsg, fd, message, flags);
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
    return CALL6(recvfrom, fd, data, size, flags, NULL, NULL);
}

int poll(struct pollfd *all, nfds_t count, int milliseconds)
{
    struct timespec patience = {milliseconds / 1000, milliseconds % 1000 * 1000000L};

    return (int)CALL6(ppoll, all, count, milliseconds < 0 ? NULL : &patience, NULL, 0, 0);
}

time_t time(time_t *also)
{
    struct timespec now = {0};

    CALL2(clock_gettime, CLOCK_REALTIME, &now);
    if (also)
        *also = now.tv_sec;
    return now.tv_sec;
}

unsigned alarm(unsigned seconds)
{
    struct itimerval timer = {.it_value = {.tv_sec = seconds}};

    return CALL3(setitimer, ITIMER_REAL, &timer, &timer) == 0 ? (unsigned)timer.it_value.tv_sec : 0;
}
