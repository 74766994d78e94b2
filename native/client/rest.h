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
};

/* Who waits for a state, and for which: 0 not, 1 or 2 (int[8] of ADD_STATE_CLIENT). */
struct waiting {
    int32_t fd, wanted[STATES];
};

extern struct head head;

/* sheet.c */
void take_sheet(int file);
struct waiting waiting_on_sheet(uint32_t index);
bool answer_from_sheet(int to, const struct header *asked, const unsigned char *behind);
void tell(int to, int32_t ret, int64_t number);

#endif
