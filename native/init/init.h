/* What the parts of lxc-init have of each other. */
#ifndef LXC_INIT_H
#define LXC_INIT_H

#include <stdbool.h>

enum { FAILED = 1 };

/* Say one line on stderr, cut off where it gets too long; `why` may be "". */
void say(const char *what, const char *about, const char *why);

/* Run `command` as PID 1 would; its exit code.  `named`: no process is to be made any more once it has to end. */
int supervise(bool named, char **command, int argc, char **argv);

#endif
