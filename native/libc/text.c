/* Text, numbers and memory, as the system's headers declare them: see start.c. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    char *at = to;
    const char *other = from;

    while (size--)
        *at++ = *other++;
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    char *at = to;

    while (size--)
        *at++ = (char)byte;
    return to;
}

size_t strlen(const char *text)
{
    const char *end = text;

    while (*end)
        end++;
    return (size_t)(end - text);
}

int strncmp(const char *one, const char *other, size_t most)
{
    for (; most && *one && *one == *other; most--)
        one++, other++;
    return most ? (unsigned char)*one - (unsigned char)*other : 0;
}

int strcmp(const char *one, const char *other)
{
    return strncmp(one, other, SIZE_MAX);
}

char *strchr(const char *text, int byte)
{
    for (; *text != (char)byte; text++)
        if (!*text)
            return NULL;
    return (char *)(uintptr_t)text;
}

char *strrchr(const char *text, int byte)
{
    const char *found = NULL;

    do
        if (*text == (char)byte)
            found = text;
    while (*text++);
    return (char *)(uintptr_t)found;
}

char *strstr(const char *text, const char *part)
{
    for (size_t length = strlen(part);; text++) {
        if (strncmp(text, part, length) == 0)
            return (char *)(uintptr_t)text;
        if (!*text)
            return NULL;
    }
}

char *strcpy(char *restrict to, const char *restrict from)
{
    return memcpy(to, from, strlen(from) + 1);
}

char *strcat(char *restrict to, const char *restrict from)
{
    strcpy(to + strlen(to), from);
    return to;
}

char *getenv(const char *name)
{
    size_t length = strlen(name);

    for (char **at = environ; *at; at++)
        if (strncmp(*at, name, length) == 0 && (*at)[length] == '=')
            return *at + length + 1;
    return NULL;
}

/* Of base 10. */
long strtol(const char *restrict text, char **restrict end, int base)
{
    const char *at = text + strspn(text, " \t\n\v\f\r");
    bool is_negative = *at == '-';
    long number = 0;

    (void)base;
    at += is_negative || *at == '+';
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, *at - '0', &number)) {
            errno = ERANGE;
            number = LONG_MAX;
        }
    if (end)
        *end = (char *)(uintptr_t)at;
    return is_negative ? -number : number;
}

size_t strspn(const char *text, const char *accepted)
{
    size_t length = 0;

    while (text[length] && strchr(accepted, text[length]))
        length++;
    return length;
}

int atoi(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

char *strerror(int number)
{
    static char other[24];

    switch (number) {
    case EPERM:
        return (char *)(uintptr_t)"Operation not permitted";
    case ENOENT:
        return (char *)(uintptr_t)"No such file or directory";
    case ENOEXEC:
        return (char *)(uintptr_t)"Exec format error";
    case EAGAIN:
        return (char *)(uintptr_t)"Resource temporarily unavailable";
    case ENOMEM:
        return (char *)(uintptr_t)"Cannot allocate memory";
    case EACCES:
        return (char *)(uintptr_t)"Permission denied";
    case ENOTDIR:
        return (char *)(uintptr_t)"Not a directory";
    case EISDIR:
        return (char *)(uintptr_t)"Is a directory";
    case ELOOP:
        return (char *)(uintptr_t)"Too many levels of symbolic links";
    default:
        snprintf(other, sizeof other, "error %d", number);
        return other;
    }
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

struct output {
    char *text;
    size_t size, length;
};

static void put(struct output *to, char byte)
{
    if (to->length + 1 < to->size)
        to->text[to->length] = byte;
    to->length++;
}

static void put_number(struct output *to, unsigned long long number, unsigned base, int width, char fill)
{
    char digits[24];
    int count = 0;

    do
        digits[count++] = "0123456789abcdef"[number % base];
    while (number /= base);
    for (; width > count; width--)
        put(to, fill);
    while (count)
        put(to, digits[--count]);
}

/* Of %s, %d, %u, %x, with l, a width and 0. */
int vsnprintf(char *restrict text, size_t size, const char *restrict format, va_list words)
{
    struct output to = {text, size, 0};

    for (; *format; format++) {
        int width = 0, longs = 0;
        char fill = ' ';
        long long number;

        if (*format != '%') {
            put(&to, *format);
            continue;
        }
        if (*++format == '0')
            fill = *format++;
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + *format - '0';
        for (; *format == 'l'; format++)
            longs++;
        if (*format == 's') {
            for (const char *word = va_arg(words, const char *); *word; word++)
                put(&to, *word);
            continue;
        }
        number = longs > 1 ? va_arg(words, long long) : longs ? va_arg(words, long) : va_arg(words, int);
        if (*format == 'd' && number < 0)
            put(&to, '-'), number = -number;
        else if (*format != 'd' && !longs)
            number = (unsigned)number;
        put_number(&to, (unsigned long long)number, *format == 'x' ? 16 : 10, width, fill);
    }
    if (size)
        text[to.length < size ? to.length : size - 1] = 0;
    return (int)to.length;
}

int snprintf(char *restrict text, size_t size, const char *restrict format, ...)
{
    va_list words;
    int length;

    va_start(words, format);
    length = vsnprintf(text, size, format, words);
    va_end(words);
    return length;
}

FILE *stderr; /* the only one there is */

int fprintf(FILE *restrict file, const char *restrict format, ...)
{
    char text[8192];
    va_list words;
    int length;

    (void)file;
    va_start(words, format);
    length = vsnprintf(text, sizeof text, format, words);
    va_end(words);
    if (length >= (int)sizeof text)
        length = sizeof text - 1;
    return (int)write(STDERR_FILENO, text, (size_t)length);
}
