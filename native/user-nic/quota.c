/* See quota.h. */
#define _GNU_SOURCE
#include "quota.h"

#include "caller.h"
#include "devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STATE "/run/lxc"
#define DATABASE STATE "/nics"

enum { MOST_ENTRIES = 1 << 14, PATIENCE_MS = 30000, NAP_MS = 10, FROZEN_MS = 1000 };

struct entry *entries;
size_t entry_count;
static int database = -1; /* open and locked */
static char path[64] = DATABASE;

void keep(const char *text)
{
    struct entry *entry = &entries[entry_count];
    char *copy = strdup(text); /* is cut into the fields, and lives as long as we do */

    if (entry_count >= MOST_ENTRIES)
        die("%s has too many lines", path);
    entry_count++;
    entry->text = strdup(text);
    if (!entry->text || !copy)
        die("not enough memory");
    if (!split(copy, entry->field))
        memset(entry->field, 0, sizeof entry->field);
}

/* Whoever has the lock for so long may have been frozen by his caller, who would keep it from all others. */
static void thaw_holder(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(database, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
        leave_cgroups(lock.l_pid);
}

/* Devices of another network namespace than the host's, a service's with PrivateNetwork=, are noted in a file of its own. */
static void choose_database(int proc)
{
    struct stat ours, hosts;

    if (fstatat(proc, "self/ns/net", &ours, 0) == 0 && fstatat(proc, "1/ns/net", &hosts, 0) == 0 &&
        ours.st_ino != hosts.st_ino)
        snprintf(path, sizeof path, DATABASE "-%ju", (uintmax_t)ours.st_ino);
}

void open_database(int proc)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct timespec nap = {.tv_nsec = NAP_MS * 1000 * 1000};
    struct stat state;
    char *text, *line;
    int directory, waited;

    if (mkdir(STATE, 0755) < 0 && errno != EEXIST)
        die("cannot make %s: %s", STATE, strerror(errno));
    directory = open(STATE, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0 || fstat(directory, &state) < 0)
        die("cannot open the directory %s: %s", STATE, strerror(errno));
    if (state.st_uid != 0 || (state.st_mode & (S_IWGRP | S_IWOTH)))
        die("%s is not used: it must be root's, and nobody else may write it", STATE);
    choose_database(proc);
    database = openat(directory, path + sizeof STATE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (database < 0)
        die("cannot open %s: %s", path, strerror(errno));
    for (waited = 0; fcntl(database, F_SETLK, &lock) < 0; waited += NAP_MS) {
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            die("cannot lock %s: %s", path, strerror(errno));
        if (waited >= PATIENCE_MS)
            die("%s has been locked by another process for %d s", path, PATIENCE_MS / 1000);
        if (waited % FROZEN_MS == 0 && waited)
            thaw_holder();
        nanosleep(&nap, NULL);
    }
    text = trusted_text(database, path);
    entries = allocated(MOST_ENTRIES, sizeof *entries);
    while ((line = next_line(&text)))
        keep(line);
    close(directory);
}

void write_database(void)
{
    char *text = allocated(MOST_BYTES, 1);
    size_t length = 0, done = 0;

    for (size_t i = 0; i < entry_count; i++) {
        size_t size = strlen(entries[i].text);

        if (length + size + 1 >= MOST_BYTES)
            die("%s would get too long", path);
        memcpy(text + length, entries[i].text, size);
        text[length + size] = '\n';
        length += size + 1;
    }
    while (done < length) {
        ssize_t written = pwrite(database, text + done, length - done, (off_t)done);

        if (written < 0)
            die("cannot write %s: %s", path, strerror(errno));
        done += (size_t)written;
    }
    if (ftruncate(database, (off_t)length) < 0)
        die("cannot write %s: %s", path, strerror(errno));
    free(text);
}

void cull(void)
{
    size_t kept = 0;

    for (size_t i = 0; i < entry_count; i++) {
        struct entry *entry = &entries[i];

        if (!entry->field[LAST] || (is_device_name(entry->field[LAST], false) && exists(entry->field[LAST])))
            entries[kept++] = *entry;
    }
    entry_count = kept;
}

bool is_about(char *const field[FIELDS], const char *owner, const char *type, const char *bridge)
{
    return field[LAST] && strcmp(field[OWNER], owner) == 0 && strcmp(field[TYPE], type) == 0 &&
           strcmp(field[BRIDGE], bridge) == 0;
}

static long count(const char *owner, const char *type, const char *bridge)
{
    long found = 0;

    for (size_t i = 0; i < entry_count; i++)
        found += is_about(entries[i].field, owner, type, bridge);
    return found;
}

const char *allotment(const struct caller *caller, const char *type, const char *bridge)
{
    int fd = open(USERNET, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char *rest, *line, *field[FIELDS];
    long all = 0, allowed = 0;
    bool found = false;

    if (fd < 0 && errno == ENOENT)
        die("%s does not exist: the administrator has allowed nobody a device", USERNET);
    if (fd < 0)
        die("cannot open %s: %s", USERNET, strerror(errno));
    rest = trusted_text(fd, USERNET);
    close(fd);
    while ((line = next_line(&rest))) {
        const char *digits;
        long quota, used;

        if (!split(line, field) || strcmp(field[TYPE], type) != 0 || strcmp(field[BRIDGE], bridge) != 0)
            continue;
        digits = field[LAST];
        quota = number(&digits, INT32_MAX);
        if (quota < 0 || *digits || !means(field[OWNER], caller))
            continue;
        used = count(field[OWNER], type, bridge);
        if (used < quota)
            return field[OWNER];
        found = true;
        all += used;
        allowed += quota;
    }
    if (found)
        die("quota reached: %s has %ld of the %ld devices of type %s on %s that %s allows; delete one, or have the "
            "administrator raise the number",
            caller->name, all, allowed, type, bridge, USERNET);
    die("%s has no line for %s, or a group of his, and %s on %s; the administrator may add: %s %s %s 10", USERNET,
        caller->name, type, bridge, caller->name, type, bridge);
}

void close_database(void)
{
    if (database >= 0)
        close(database);
    database = -1;
}
