/*
 * lxc-client: which server there is for us, and starting one.
 */
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { AGAIN = 2 /* seconds between attempts to start a server */ };
enum { GOES_FIRST_MS = 100 };

static const char *const bare[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_CTYPE=C.UTF-8", NULL};

/* ---- which server ------------------------------------------------------------------------------------------------ */

static void mix(uint64_t *key, const void *data, size_t size)
{
    for (const unsigned char *byte = data; size--; byte++)
        *key = (*key ^ *byte) * 0x100000001B3u; /* FNV-1a */
}

static bool mix_file(uint64_t *key, const char *path)
{
    struct stat it;

    if (stat(path, &it) != 0)
        return false;
    mix(key, &it.st_dev, sizeof it.st_dev);
    mix(key, &it.st_ino, sizeof it.st_ino);
    mix(key, &it.st_size, sizeof it.st_size);
    mix(key, &it.st_mtim, sizeof it.st_mtim);
    mix(key, &it.st_ctim, sizeof it.st_ctim);
    return true;
}

/* What must be the same on both sides and is known here: this installation, its Python, namespaces and session keyring. */
uint64_t key_of(void)
{
    static const char *const spaces[] = {"mnt", "user", "pid", "pid_for_children", "net", "uts",
                                         "ipc", "cgroup", "time", "time_for_children"};
    int all = open("/proc/self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
    long keyring = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
    uint64_t key = 0xCBF29CE484222325u;
    char space[64];
    ssize_t length;

    mix_file(&key, "/proc/self/exe");
    mix_file(&key, PYTHON);
    mix(&key, &keyring, sizeof keyring);
    for (size_t at = 0; at < sizeof spaces / sizeof *spaces; at++)
        if ((length = readlinkat(all, spaces[at], space, sizeof space)) > 0)
            mix(&key, space, (size_t)length);
    close(all);
    return key;
}

/* The directory of this user's servers; false if there is no place for it. */
bool directory_of(char *path, size_t size)
{
    const char *runtime = geteuid() ? getenv("XDG_RUNTIME_DIR") : "/run";

    return runtime && *runtime == '/' && snprintf(path, size, "%s/lxc/forkserver", runtime) < (int)size;
}

int connect_to(const char *directory, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = PATIENCE};
    struct ucred peer;
    socklen_t size = sizeof peer;
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", directory, name);
    int fd;

    if (length >= (int)sizeof address.sun_path)
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0
        && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid())
        return fd;
    close(fd);
    return -1;
}

/* ---- starting one ------------------------------------------------------------------------------------------------ */

/* Make the directory; false unless it is ours and nobody else's. */
static bool make_directory(char *path)
{
    struct stat it;
    char *last = strrchr(path, '/');

    *last = 0;
    mkdir(path, 0755);
    *last = '/';
    mkdir(path, 0700);
    return lstat(path, &it) == 0 && S_ISDIR(it.st_mode) && it.st_uid == geteuid() && !(it.st_mode & 077);
}

/* The lock of whoever starts or is the server; -1 if somebody has it, or one has just failed to come up. */
static int take_lock(const char *path)
{
    bool is_new = true;
    int lock = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct stat it, now;

    if (lock < 0 && errno == EEXIST) {
        is_new = false;
        lock = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    }
    if (lock < 0)
        return -1;
    /* A server that ends removes its lock: what we have opened may be nobody's any more. */
    if (flock(lock, LOCK_EX | LOCK_NB) == 0 && fstat(lock, &it) == 0 && it.st_uid == geteuid()
        && lstat(path, &now) == 0 && now.st_ino == it.st_ino) {
        if (is_new || time(NULL) - it.st_mtim.tv_sec > AGAIN || it.st_mtim.tv_sec > time(NULL)) {
            futimens(lock, NULL);
            return lock;
        }
    }
    close(lock);
    return -1;
}

static void set_defaults(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Let the process `command` do what it is there for, unless that takes long: loading a server takes a processor. */
static void give_way(pid_t command)
{
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, command, 0), .events = POLLIN};

    if (end.fd >= 0)
        poll(&end, 1, GOES_FIRST_MS);
    close(end.fd);
}

/* Leave a server behind that listens on `directory`/`key`, for the next who asks; we do not wait for it. */
void start_server(char *directory, uint64_t key)
{
    char path[sizeof(struct sockaddr_un)], lockpath[sizeof path + 8], text[24];
    char *words[] = {PYTHON, "-IS", "-c", (char *)server_program, packages, path, text, NULL};
    pid_t command = getpid(), pid;
    int lock, null;

    if (snprintf(path, sizeof path, "%s/%016llx", directory, (unsigned long long)key) >= (int)sizeof path)
        return;
    snprintf(lockpath, sizeof lockpath, "%s.lock", path);
    snprintf(text, sizeof text, "%llu", (unsigned long long)key);
    find_packages();
    if (!make_directory(directory) || (lock = take_lock(lockpath)) < 0)
        return;
    pid = fork();
    if (pid == 0) {
        setsid();
        if (fork() != 0)
            _exit(0);
        dup2(lock, 3); /* it is the server's from now on; it may be one of the following now */
        fcntl(3, F_SETFD, 0);
        if ((null = open("/dev/null", O_RDWR)) < 0)
            _exit(LOST); /* it would keep what we have, and speak there */
        for (int fd = 0; fd < 3; fd++)
            dup2(null, fd);
        syscall(SYS_close_range, 4, ~0U, 0);
        if (chdir("/") == 0) {
            give_way(command);
            set_defaults();
            become_python(words, (char **)bare);
        }
        _exit(LOST);
    }
    close(lock);
    if (pid > 0)
        waitpid(pid, NULL, 0);
}
