/*
 * As much of a C library as lxc-init and lxc-client need, for machines that `machine.h` knows.
 *
 * The system's, linked statically, asks the processor what it is before anything else: fifty times, each of which is an
 * exit to the host where that is a virtual machine, 0.2 ms for each program that is executed.  What is declared by the
 * system's headers is defined here as they have it, for one thread, with C's locale, without what nobody calls.
 *
 * Nothing is relocated, either: who writes a table of pointers sees tests/native/test_libc.py fail.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"

__asm__(".text\n.global _start\n.type _start, %function\n" ENTRY);

extern char **environ;
extern uintptr_t __stack_chk_guard;
int main(int argc, char **argv, char **variables);
_Noreturn void begin(uintptr_t *stack);
_Noreturn void __stack_chk_fail(void);

char **environ;
uintptr_t __stack_chk_guard;

/* Where a program starts: on its stack are argc, argv, the environment and the auxiliary vector. */
__attribute__((no_stack_protector)) _Noreturn void begin(uintptr_t *stack)
{
    int argc = (int)*stack;
    char **argv = (char **)(stack + 1);
    uintptr_t *at;

    environ = argv + argc + 1;
    for (at = (uintptr_t *)environ; *at; at++)
        ;
    for (at++; *at != AT_NULL; at += 2)
        if (*at == AT_RANDOM)
            __stack_chk_guard = *(uintptr_t *)at[1] & ~(uintptr_t)0xFF; /* a string that runs over ends in a zero */
    exit(main(argc, argv, environ));
}

_Noreturn void __stack_chk_fail(void)
{
    __builtin_trap();
}

_Noreturn void exit(int status)
{
    _exit(status);
}

int *__errno_location(void)
{
    static int number;

    return &number;
}

/* Nobody gives memory back. */
void *malloc(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

void *calloc(size_t count, size_t size)
{
    size_t all;

    if (__builtin_mul_overflow(count, size, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return malloc(all);
}
