/* Calling the kernel, and what of it sets errno. */
#ifndef LXC_CALL_H
#define LXC_CALL_H

#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "machine.h"

enum { MOST_ERRNO = 4095 };

static inline long done(long result)
{
    if (result >= 0 || result < -MOST_ERRNO)
        return result;
    errno = (int)-result;
    return -1;
}

#define CALL6(name, a, b, c, d, e, f) \
    done(call(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))
#define CALL4(name, a, b, c, d) CALL6(name, a, b, c, d, 0, 0)
#define CALL3(name, a, b, c) CALL4(name, a, b, c, 0)
#define CALL2(name, a, b) CALL3(name, a, b, 0)
#define CALL1(name, a) CALL2(name, a, 0)

/* The last argument, of a function that is declared to have any number of them. */
#define LAST(before, kind)              \
    __extension__({                     \
        va_list rest;                   \
        kind value;                     \
        va_start(rest, before);         \
        value = va_arg(rest, kind);     \
        va_end(rest);                   \
        value;                          \
    })

#endif
