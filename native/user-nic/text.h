/*
 * What lxc-user-nic reads from its command line and from files, and how it ends with a message.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum { MOST_BYTES = 1 << 20 };             /* of a file */
enum { OWNER, TYPE, BRIDGE, LAST, FIELDS }; /* of a line; LAST is COUNT of what is allowed, HOSTNIC of what is made */

/* Called once by die() before it speaks, unless NULL: undoes what is half done, lets go of the lock. */
extern void (*before_dying)(void);

/* Say one line on stderr, and exit with 1. */
_Noreturn __attribute__((format(printf, 1, 2))) void die(const char *format, ...);

/* Zeroed memory; dies without. */
void *allocated(size_t count, size_t size);

/* Read a decimal number of at most `most` from `*text`, which is left behind it; -1 if there is none. */
long number(const char **text, long most);

/* Cut `line` into its first FIELDS words, which are left in it; false if it has less. */
bool split(char *line, char *field[FIELDS]);

/* The next line of `*rest`, without its end; NULL after the last. */
char *next_line(char **rest);

/* Would the kernel take it for the name of a device?  One %d, if allowed, stands for the lowest free number. */
bool is_device_name(const char *name, bool template);

/* Rebuild from its numbers the path below /proc that `netns` is; false if it is none of those two kinds. */
bool netns_place(const char *netns, char *place, size_t size);

/* The text of a file of root's that nobody else writes; the caller frees it.  `fd` stays open. */
char *trusted_text(int fd, const char *path);

#endif
