/*
 * Who calls lxc-user-nic, and which network namespaces are his.
 */
#ifndef CALLER_H
#define CALLER_H

#include <stdbool.h>
#include <sys/types.h>

struct caller {
    uid_t uid;
    gid_t gid;
    char *name;
    gid_t *groups;
    int group_count;
};

void forget_the_caller(void);

/* Who calls; dies if that cannot be told. */
struct caller identify(void);

/* Does `owner`, a user or @GROUP, mean the caller? */
bool means(const char *owner, const struct caller *caller);

/* The caller's network namespace; whatever is wrong with it is one and the same to him. */
int callers_netns(int proc, const char *place, const struct caller *caller, const char *told);

/* Take the process `pid` (0: us) out of control groups that its caller may own, and so freeze. */
void leave_cgroups(pid_t pid);

/* Become root wholly, so that the caller cannot send us signals. */
void become_root(void);

/* Be the caller's process for good: one that nobody listens to is his to end, and one of those that he may have. */
void become_caller(const struct caller *caller);

#endif
