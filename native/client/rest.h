/* What the files of lxc-client --rest share: see rest.c. */
#ifndef LXC_REST_H
#define LXC_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GET_STATE = 3 };

/* Before every request and every answer. */
struct header {
    int32_t first, length;
    int64_t number;
};

struct head {
    uint32_t answers;
    int32_t init, init_pidfd, listener, stop_signal;
    int32_t console;     /* whose output nobody wants, or -1 */
    int32_t heard;       /* a console whose output somebody wants, or -1 */
};

extern struct head head;

/* sheet.c */
void take_sheet(int file);
bool answer_from_sheet(int to, const struct header *asked, const unsigned char *behind);
void refuse(int to);

#endif
