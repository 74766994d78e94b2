/* clone3(2) for a child that shares the memory of this process, and goes on with the stack and the interpreter's state of the
 * thread that calls: lxc.kernel.beside, clone.
 *
 * CLONE_VFORK suspends the thread until the child has executed something or ended.  The stack is not as the thread has left
 * it any more then, so it must never return to it.  That is why this is no matter of syscall(2), which returns.  It must not
 * end either: the child's parent death signal is bound to this thread (prctl(2)).
 *
 * The child may have one of its own in the same way; each has its own `struct beside`.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 5 /* seconds that a lock may take which others hold for moments */

/* The interpreter's own: https://docs.python.org/3/c-api/init.html */
extern int PyGILState_Check(void);
extern void *PyGILState_GetThisThreadState(void);
extern void PyEval_RestoreThread(void *state);
extern void *PyEval_SaveThread(void);

/* What is known of one child, in memory that nobody frees.  Python has the same (lxc.kernel.beside). */
struct beside {
    int child;
    int executes;   /* the child is about to */
    int is_settled; /* it has, if it has not said so before: who has made it goes on */
    int is_at_rest; /* the thread has nothing to do with the lock any more */
    int is_to_execute, has_failed, error; /* the thread is, what follows; it could not */
    const char *path;
    char *const *words, *const *variables;
};

/* Let `lxc_await` return. */
void lxc_settle(int *is_settled) {
    if (!__atomic_exchange_n(is_settled, 1, __ATOMIC_RELEASE))
        syscall(SYS_futex, is_settled, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void lxc_await(int *is_settled) {
    while (!__atomic_load_n(is_settled, __ATOMIC_ACQUIRE))
        syscall(SYS_futex, is_settled, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static int was_killed(int child) {
    siginfo_t how = {0};

    while (waitid(P_PID, (id_t)child, &how, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
    return how.si_code != CLD_EXITED;
}

/* Take the interpreter's lock, and give it back: somebody may wait for the child to take what it has asked for.  Should
 * the child have been killed within the lock's own code, nobody can have it any more, and this process ends. */
static void take_turn(void) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    struct itimerspec deadline = {.it_value.tv_sec = PATIENCE};
    timer_t timer;

    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &deadline, NULL))
        kill(getpid(), SIGKILL);
    PyEval_RestoreThread(PyGILState_GetThisThreadState());
    PyEval_SaveThread();
    timer_delete(timer);
}

static __attribute__((noreturn, noinline)) void stay(struct beside *it) {
    if (PyGILState_Check()) {
        if (was_killed(it->child)) /* amid its work: what the lock protects is not to be trusted */
            kill(getpid(), SIGKILL);
        PyEval_SaveThread(); /* exit(2) does not give back the lock, execve(2) is called without it */
    } else if (!it->executes) {
        take_turn();
    }
    lxc_settle(&it->is_settled);
    lxc_settle(&it->is_at_rest);
    for (;;) {
        lxc_await(&it->is_to_execute);
        execve(it->path, it->words, it->variables);
        it->error = errno;
        it->is_to_execute = 0;
        lxc_settle(&it->has_failed);
    }
}

/* Have the thread execute `path`, which ends all others: it remains the child's parent, and the child hears of no death
 * (prctl(2), PR_SET_PDEATHSIG).  Returns, with errno, only if that failed. */
int lxc_execute(struct beside *it) {
    lxc_await(&it->is_at_rest);
    it->has_failed = 0;
    lxc_settle(&it->is_to_execute);
    lxc_await(&it->has_failed);
    errno = it->error;
    return -1;
}

/* The result is in a register, and so is `kept`: all that is needed until the thread is in `stay`. */
static inline long clone3(struct clone_args *arguments, size_t size, struct beside **kept) {
#if defined(__x86_64__)
    register struct beside *in_register __asm__("rbx") = *kept;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result), "+r"(in_register)
                     : "0"(SYS_clone3), "D"(arguments), "S"(size)
                     : "rcx", "r11", "memory");
    *kept = in_register;
    return result;
#else
    (void)arguments, (void)size, (void)kept;
    return -ENOSYS;
#endif
}

/* Returns 0 in the child, and in the thread only if there is none: -1, with errno.  Python's lock is kept throughout. */
long lxc_clone_beside(struct clone_args *arguments, size_t size, struct beside *it) {
    sigset_t all, before;
    long result;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    result = clone3(arguments, size, &it);
    if (result > 0)
        stay(it);
    if (result == 0)
        return 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = (int)-result;
    return -1;
}
