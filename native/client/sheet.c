/*
 * lxc-client --rest: what is on the sheet, and answering from it; see rest.c.
 */
#define _GNU_SOURCE
#include "client.h"
#include "rest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_ASIDE = 64, MOST_LENT = 20, MOST_SENT = 253 };
struct answer {
    uint32_t command, asked, said, descriptors; /* the second and third are bytes: of the request behind its header, and of the reply */
    int64_t number;
    int32_t ret, is_none; /* the latter: alone, the request ends the connection */
    int32_t lent[MOST_LENT];
};

struct head head;
static unsigned char *sheet;
static size_t sheet_size;

/* Read it; it is ours, so what is wrong about it is a mistake of ours. */
void take_sheet(int file)
{
    uint64_t size;

    if (pread(file, &size, sizeof size, 0) != sizeof size || size < sizeof head || size > 1 << 30 || !(sheet = malloc(size)))
        _exit(LOST);
    sheet_size = size;
    if (pread(file, sheet, sheet_size, sizeof size) != (ssize_t)sheet_size)
        _exit(LOST);
    memcpy(&head, sheet, sizeof head);
    if (head.waiting > (sheet_size - sizeof head) / sizeof(struct waiting))
        _exit(LOST);
}

struct waiting waiting_on_sheet(uint32_t index)
{
    struct waiting it;

    memcpy(&it, sheet + sizeof head + index * sizeof it, sizeof it);
    return it;
}

static const char *next_text(size_t *at)
{
    const char *it = *at < sheet_size ? (const char *)sheet + *at : "";

    *at += strlen(it) + 1;
    return it;
}

/* What is to be removed, and the pipe that lxc-monitord reads; 0 if there is nothing, or more to be done. */
size_t removals(struct removal *all, const char **fifo)
{
    size_t at = head.where;

    if (head.removals > MOST_REMOVED || sheet[sheet_size - 1]) /* the last text ends with a NUL */
        return 0;
    *fifo = next_text(&at);
    for (size_t index = 0; index < head.removals; index++) {
        all[index].payload = next_text(&at);
        all[index].monitor = next_text(&at);
        all[index].home = next_text(&at);
    }
    return head.removals;
}

/* What is to be asked of the kernel's network before that; it may be nothing. */
const void *requests(size_t *size)
{
    *size = head.where <= sheet_size && head.requests <= head.where ? head.requests : 0;
    return sheet + head.where - *size;
}

/* The answer to a request; false if it is not on the sheet.  `reply` is what follows the answer's header. */
static bool find(int32_t command, const unsigned char *asked, size_t length, struct answer *it, const unsigned char **reply)
{
    size_t at = sizeof head + head.waiting * sizeof(struct waiting);

    for (uint32_t index = 0; index < head.answers; index++) {
        const unsigned char *request;

        if (sheet_size - at < sizeof *it)
            return false;
        memcpy(it, sheet + at, sizeof *it);
        at += sizeof *it;
        if (it->asked > sheet_size - at || it->said > sheet_size - at - it->asked || it->descriptors > MOST_LENT)
            return false;
        request = sheet + at;
        *reply = request + it->asked;
        at += it->asked + it->said;
        if (it->command == (uint32_t)command && it->asked == length && memcmp(request, asked, length) == 0)
            return true;
    }
    return false;
}

/* ---- answering --------------------------------------------------------------------------------------------------- */

static struct {
    unsigned char bytes[1 << 16];
    size_t size;
    int lent[MOST_SENT];
    size_t descriptors;
} reply;

static bool add(const void *data, size_t size)
{
    if (size > sizeof reply.bytes - reply.size)
        return false;
    memcpy(reply.bytes + reply.size, data, size);
    reply.size += size;
    return true;
}

static bool add_answer(const struct answer *it, const unsigned char *said)
{
    struct header first = {it->ret, (int32_t)it->said, it->number};

    if (it->descriptors > MOST_SENT - reply.descriptors)
        return false;
    for (uint32_t at = 0; at < it->descriptors; at++)
        reply.lent[reply.descriptors++] = it->lent[at];
    return add(&first, sizeof first) && add(said, it->said);
}

/* The state, and behind it the answers to the requests behind it; false if one is not on the sheet. */
static bool add_state(const struct answer *state, const unsigned char *asked, size_t length)
{
    struct header first = {state->ret, 0, state->number}, each;
    struct answer it;
    const unsigned char *said;
    int requests = 0;

    if (!add(&first, sizeof first))
        return false;
    for (size_t at = 0; at < length; at += (size_t)each.length) {
        if (length - at < sizeof each || requests++ == MOST_ASIDE)
            return false;
        memcpy(&each, asked + at, sizeof each);
        at += sizeof each;
        if (each.length < 0 || (size_t)each.length > length - at || each.first == GET_STATE
            || !find(each.first, asked + at, (size_t)each.length, &it, &said) || !add(&it.descriptors, sizeof it.descriptors)
            || !add_answer(&it, said))
            return false;
    }
    first.length = (int32_t)(reply.size - sizeof first);
    memcpy(reply.bytes, &first, sizeof first);
    return true;
}

/* What is not taken at once is not sent: it is the first that this connection is told. */
static void send_reply(int to)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(MOST_SENT * sizeof(int))];
    } control = {0};
    struct iovec data = {.iov_base = reply.bytes, .iov_len = reply.size};
    struct msghdr how = {.msg_iov = &data, .msg_iovlen = 1};

    if (reply.descriptors) {
        how.msg_control = &control;
        how.msg_controllen = CMSG_SPACE(reply.descriptors * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(reply.descriptors * sizeof(int));
        memcpy(CMSG_DATA(&control.header), reply.lent, reply.descriptors * sizeof(int));
    }
    sendmsg(to, &how, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Answer a request; false if that is not on the sheet. */
bool answer_from_sheet(int to, const struct header *asked, const unsigned char *behind)
{
    size_t length = (size_t)asked->length;
    struct answer found;
    const unsigned char *said;
    bool is_known;

    reply.size = reply.descriptors = 0;
    if (asked->first == GET_STATE && length)
        is_known = find(GET_STATE, behind, 0, &found, &said) && add_state(&found, behind, length);
    else
        is_known = find(asked->first, behind, length, &found, &said) && (found.is_none || add_answer(&found, said));
    if (is_known && reply.size)
        send_reply(to);
    return is_known;
}

/* An answer of nothing but numbers. */
void tell(int to, int32_t ret, int64_t number)
{
    reply.size = reply.descriptors = 0;
    add(&(struct header){ret, 0, number}, sizeof(struct header));
    send_reply(to);
}
