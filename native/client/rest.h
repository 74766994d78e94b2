/* What the files of lxc-client --rest share: see rest.c. */
#ifndef LXC_REST_H
#define LXC_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GET_STATE = 3, STATES = 8 };

/* Before every request and every answer. */
struct header {
    int32_t first, length;
    int64_t number;
};

struct head {
    uint32_t answers, waiting;
    int32_t init, init_pidfd, listener, stop_signal;
    int32_t console;     /* whose output nobody wants, or -1 */
    int32_t heard;       /* a console whose output somebody wants, or -1 */
    int32_t is_unified;  /* the last of what is to be removed is of the unified hierarchy */
    uint32_t removals, where; /* how many they are, and where on the sheet; without any, taking down is Python's */
    uint32_t requests;   /* bytes before them: what is asked of the kernel's network (rtnetlink(7)) */
};

/* Cgroups of one hierarchy, and where to the monitor leaves: of version 1 a file `tasks`, of the unified one a directory. */
struct removal {
    const char *payload, *monitor, *home;
};

/* Who waits for a state, and for which: 0 not, 1 or 2 (int[8] of ADD_STATE_CLIENT). */
struct waiting {
    int32_t fd, wanted[STATES];
};

extern struct head head;

enum { LONGEST = 8192 /* bytes after a request */, MOST_CONNECTIONS = 64, MOST_REMOVED = 32 };

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

extern struct connection connections[MOST_CONNECTIONS];
extern size_t count;  /* of them */
extern bool is_deaf;  /* it does not wake */

/* rest.c */
void wake(int status);

/* takedown.c */
void take_down(void);

/* connections.c */
void take_connection(void);
void keep_waiting(const struct waiting *waiting);
void serve(size_t at);
bool is_told_of_stopping(void);
void close_all_but_connections(int kept);

/* sheet.c */
void take_sheet(int file);
struct waiting waiting_on_sheet(uint32_t index);
size_t removals(struct removal *all, const char **fifo);
const void *requests(size_t *size);
bool answer_from_sheet(int to, const struct header *asked, const unsigned char *behind);
void tell(int to, int32_t ret, int64_t number);

#endif
