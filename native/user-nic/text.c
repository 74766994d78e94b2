/* See text.h. */
#define _GNU_SOURCE
#include "text.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void (*before_dying)(void);

void die(const char *format, ...)
{
    static const char prefix[] = "lxc-user-nic: ";
    char line[1024];
    int length;
    void (*undo)(void) = before_dying;
    va_list arguments;

    before_dying = NULL; /* it may die, too */
    memcpy(line, prefix, sizeof prefix);
    va_start(arguments, format);
    length = vsnprintf(line + sizeof prefix - 1, sizeof line - sizeof prefix, format, arguments);
    va_end(arguments);
    if (undo)
        undo();
    length = (int)strlen(line);
    for (int at = 0; at < length; at++)
        if ((unsigned char)line[at] < ' ' || line[at] == 0x7f)
            line[at] = '?';
    line[length] = '\n';
    if (write(STDERR_FILENO, line, (size_t)length + 1) < 0)
        _exit(EXIT_FAILURE); /* nobody is left to be told */
    _exit(EXIT_FAILURE);
}

void *allocated(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);

    if (!memory)
        die("not enough memory");
    return memory;
}

long number(const char **text, long most)
{
    long value = 0;
    const char *at = *text;

    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (*at - '0');
        if (value > most)
            return -1;
    }
    if (at == *text)
        return -1;
    *text = at;
    return value;
}

bool split(char *line, char *field[FIELDS])
{
    char *rest = line;

    if (*line == '#')
        return false;
    for (int i = 0; i < FIELDS; i++) {
        field[i] = strtok_r(i ? NULL : line, " \t\r", &rest);
        if (!field[i])
            return false;
    }
    return true;
}

char *next_line(char **rest)
{
    char *line = *rest, *end;

    if (!line || !*line)
        return NULL;
    end = strchr(line, '\n');
    if (end)
        *end++ = '\0';
    *rest = end;
    return line;
}

bool is_device_name(const char *name, bool template)
{
    size_t length = strlen(name);

    if (length == 0 || length >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (const char *at = name; *at; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f || *at == '/' || *at == ':')
            return false;
        if (*at == '%') {
            if (!template || at[1] != 'd')
                return false;
            template = false;
        }
    }
    return true;
}

bool netns_place(const char *netns, char *place, size_t size)
{
    static const char root[] = "/proc/", own[] = "/ns/net", opened[] = "/fd/";
    long pid, fd;

    if (strncmp(netns, root, sizeof root - 1) != 0)
        return false;
    netns += sizeof root - 1;
    pid = number(&netns, INT32_MAX);
    if (pid <= 0)
        return false;
    if (strcmp(netns, own) == 0)
        return snprintf(place, size, "%ld/ns/net", pid) < (int)size;
    if (strncmp(netns, opened, sizeof opened - 1) != 0)
        return false;
    netns += sizeof opened - 1;
    fd = number(&netns, INT32_MAX);
    return fd >= 0 && !*netns && snprintf(place, size, "%ld/fd/%ld", pid, fd) < (int)size;
}

char *trusted_text(int fd, const char *path)
{
    struct stat file;
    char *text;
    size_t length = 0;
    ssize_t got;

    if (fstat(fd, &file) < 0)
        die("cannot look at %s: %s", path, strerror(errno));
    if (!S_ISREG(file.st_mode) || file.st_uid != 0 || (file.st_mode & S_IWOTH))
        die("%s is not used: it must be a file of root's that not everybody may write", path);
    text = allocated(MOST_BYTES + 1, 1);
    while ((got = pread(fd, text + length, MOST_BYTES - length, (off_t)length)) > 0)
        length += (size_t)got;
    if (got < 0)
        die("cannot read %s: %s", path, strerror(errno));
    if (length == MOST_BYTES)
        die("%s is not used: it is longer than %d bytes", path, MOST_BYTES - 1);
    for (size_t i = 0; i < length; i++)
        if (!text[i])
            text[i] = '?';
    return text;
}
