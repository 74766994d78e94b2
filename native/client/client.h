/* What the files of lxc-client share: see main.c. */
#ifndef LXC_CLIENT_H
#define LXC_CLIENT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#ifndef PYTHON
#error "PYTHON is the path of the interpreter"
#endif

enum { LOST = 1 /* exit status */, KILLED_BY = 128 };
enum { PATIENCE = 5 /* seconds, before it has begun */ };

extern char **arguments, **environment;
extern char packages[4096];           /* the directory that the package lxc is in, once that was looked for */
extern sigset_t before, forwarded;    /* the mask we were given; the signals that are passed on */
extern const char server_program[];

/* main.c */
void find_packages(void);
void become_python(char *const words[], char *const variables[]);
void become_awake(void);
_Noreturn void run_directly(const char *why);
bool is_served_nowhere(void);

/* server.c */
uint64_t key_of(void);
bool directory_of(char *path, size_t size);
int connect_to(const char *directory, const char *name);
void start_server(char *directory, uint64_t key);

/* worker.c */
_Noreturn void be_served(int channel, int terminal, uint64_t key, bool reads);
bool is_in_background(int terminal);

/* rest.c */
_Noreturn void rest(int argc, char **argv);

#endif
