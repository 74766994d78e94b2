/*
 * How many devices a user may have (/etc/lxc/lxc-usernet), and which there are (/run/lxc/nics, for the
 * network namespace of process 1).
 */
#ifndef QUOTA_H
#define QUOTA_H

#include "caller.h"
#include "text.h"

#define USERNET "/etc/lxc/lxc-usernet"

struct entry {           /* a line of the database */
    char *text;          /* as it is written */
    char *field[FIELDS]; /* NULL: a comment, or not understood; kept */
};

extern struct entry *entries;
extern size_t entry_count;

/* Add a line at the end. */
void keep(const char *text);

/* Lock DATABASE for ourselves, in a directory that is root's, and read it; without the devices that are gone. */
void open_database(int proc);

/* Write the lines to the file. */
void write_database(void);

/* Let go of the lock. */
void close_database(void);

/* Drop the entries of devices that are gone. */
void cull(void);

/* The first owner in USERNET that means the caller and has a device left to make.  It lives as long as we do. */
const char *allotment(const struct caller *caller, const char *type, const char *bridge);

/* Is a line about devices of that type on that bridge that count for `owner`? */
bool is_about(char *const field[FIELDS], const char *owner, const char *type, const char *bridge);

#endif
