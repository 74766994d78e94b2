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
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TAKE_LOCK = 5, END = 30 }; /* seconds that whoever has lost a child may take to do that */
enum { STAND_STILL = 1 };         /* seconds after which a child that others have stand still is taken for one that they do */

/* The interpreter's own: https://docs.python.org/3/c-api/init.html */
extern int PyGILState_Check(void);
extern void *PyGILState_GetThisThreadState(void);
extern void PyEval_RestoreThread(void *state);
extern void *PyEval_SaveThread(void);

/* What is known of one child, in memory that nobody frees.  Python has the same (lxc.kernel.beside). */
struct beside {
    int child;
    int executes;   /* the child is about to, and has nothing to do with the lock any more */
    int is_awaited; /* who makes it waits, and has nothing to do with the lock */
    int gives;      /* a descriptor that who makes it closes once there is a child, which has it too; -1: none */
    int may_stop;   /* others can have the child stand still: who makes it may end meanwhile, if it is asked to */
    int is_born, is_given;
    int is_settled; /* the child has executed or ended, or said so: who has made it goes on, */
    int leaves;     /* unless it is to end, with this status */
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

/* Of a child that was killed, in the memory that all have: it had the lock, and what that protects is not to be trusted, so
 * all end at once; or it may have been within the lock's own code, where others can wait for it for ever, so all end soon. */
static int had_lock, may_have_broken_lock, signal_to_end_by;

static void end(void) {
    static const char why[] = "lxc: a process was killed while it had its memory in common with this one, which ends, too (dmesg(1) may"
                              " say why); what is left of the container, its next start removes\n";

    if (!signal_to_end_by && write(STDERR_FILENO, why, sizeof why - 1) < 0)
        errno = 0; /* nobody is left to be told */
    kill(getpid(), signal_to_end_by ? signal_to_end_by : SIGKILL);
}

/* End by a signal that asks for it, and is blocked, if one has come; and the child, frozen or not, as soon as it can be. */
static void end_if_asked(int child) {
    static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    sigset_t pending, it;

    sigpending(&pending);
    for (size_t each = 0; each < sizeof ending / sizeof *ending; each++)
        if (sigismember(&pending, ending[each])) {
            signal(ending[each], SIG_DFL);
            signal_to_end_by = ending[each];
            kill(child, SIGKILL);
            sigemptyset(&it);
            sigaddset(&it, ending[each]);
            sigprocmask(SIG_UNBLOCK, &it, NULL);
            end();
        }
}

/* Let who makes a child wait for it. */
static void await(struct beside *it, int *is_settled) {
    static const struct timespec patience = {.tv_sec = STAND_STILL};

    while (!__atomic_load_n(is_settled, __ATOMIC_ACQUIRE))
        if (syscall(SYS_futex, is_settled, FUTEX_WAIT, 0, &patience, NULL, 0) < 0 && errno == ETIMEDOUT &&
            it->may_stop && it->child)
            end_if_asked(it->child);
}

void lxc_await_settled(struct beside *it) {
    lxc_settle(&it->is_awaited);
    await(it, &it->is_born);
    if (it->child && it->gives >= 0)
        close(it->gives);
    lxc_settle(&it->is_given);
    await(it, &it->is_settled);
    if (it->leaves)
        _exit(it->leaves);
}

/* Have this process killed if it lasts longer. */
static void set_deadline(timer_t timer, time_t seconds) {
    struct itimerspec deadline = {.it_value.tv_sec = seconds};

    if (timer_settime(timer, 0, &deadline, NULL))
        end();
}

int lxc_may_have_broken_lock(void) {
    return may_have_broken_lock;
}

/* Have the lock be free, if the child has left it to us; and be taken once, if the child may have asked for that in vain. */
static void release_lock(int has_lock, int executes) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    timer_t timer;

    if (may_have_broken_lock) {
        if (timer_create(CLOCK_MONOTONIC, &event, &timer))
            end();
        set_deadline(timer, TAKE_LOCK);
    }
    if (has_lock) {
        PyEval_SaveThread(); /* exit(2) does not */
    } else if (!executes) {
        PyEval_RestoreThread(PyGILState_GetThisThreadState());
        PyEval_SaveThread();
    }
    if (may_have_broken_lock)
        set_deadline(timer, END);
}

static __attribute__((noreturn, noinline)) void stay(struct beside *it) {
    int is_killed = !it->executes && was_killed(it->child), has_lock = PyGILState_Check();

    had_lock |= is_killed && has_lock;
    may_have_broken_lock |= is_killed;
    if (had_lock)
        end();
    release_lock(has_lock, it->executes);
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

/* The two ways to execute something.  Both are called without the lock, and return, with errno, only if that failed. */

/* For a child: execveat(2). */
int lxc_execveat(struct beside *it, int directory, const char *name, char *const *words, char *const *variables) {
    it->executes = 1;
    syscall(SYS_execveat, directory, name, words, variables, 0);
    it->executes = 0;
    return -1;
}

/* For who has made the child `it`: the thread executes `path`, which ends all others: it remains the child's parent, and the
 * child hears of no death (prctl(2), PR_SET_PDEATHSIG).  `own` is what is known of the caller, if it is such a child itself. */
int lxc_execute(struct beside *it, struct beside *own) {
    if (own)
        own->executes = 1;
    lxc_await(&it->is_at_rest);
    it->has_failed = 0;
    lxc_settle(&it->is_to_execute);
    lxc_await(&it->has_failed);
    if (own)
        own->executes = 0;
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

/* Whether Linux kills whoever is born in that cgroup, and not somebody else has killed our child: see lxc.kernel.birth.
 * Whoever is to end meanwhile (`end_if_asked`) ends the one that tries it. */
static int is_deadly(struct beside *it, uint64_t cgroup) {
    struct clone_args trial = {
        .flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP | CLONE_PARENT_SETTID,
        .exit_signal = SIGCHLD,
        .cgroup = cgroup,
        .parent_tid = (uintptr_t)&it->child,
    };
    struct beside *none = NULL;
    int status = 0, killed = it->child;
    long child = clone3(&trial, sizeof trial, &none);

    if (child == 0)
        _exit(0);
    it->child = killed;
    return child > 0 && waitpid((pid_t)child, &status, 0) > 0 && WIFSIGNALED(status);
}

/* Whether the child was killed so: it has touched nothing, and is reaped. */
static int is_stillborn(struct beside *it, const struct clone_args *how) {
    if (__atomic_load_n(&it->is_born, __ATOMIC_ACQUIRE) || __atomic_load_n(&signal_to_end_by, __ATOMIC_ACQUIRE))
        return 0;
    if (!(how->flags & CLONE_INTO_CGROUP) || !is_deadly(it, how->cgroup))
        return 0;
    while (waitpid(it->child, NULL, 0) < 0 && errno == EINTR)
        ;
    it->child = 0;
    return 1;
}

/* Returns 0 in the child, and in the thread only if there is none: -1, with errno, ECHILD if it has not survived its birth.
 * Python's lock is kept throughout. */
long lxc_clone_beside(struct clone_args *arguments, size_t size, struct beside *it) {
    static int nobodys;
    sigset_t all, before;
    long result;

    /* The child takes the C library's record of this thread for its own.  Should this process be killed, the kernel is not to
     * write there that the thread has ended (set_tid_address(2)): a lock is given back by who has the number that took it. */
    syscall(SYS_set_tid_address, &nobodys);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    result = clone3(arguments, size, &it);
    if (result > 0 && is_stillborn(it, arguments))
        result = -ECHILD;
    lxc_settle(&it->is_born);
    if (result > 0)
        stay(it);
    if (result == 0)
        return 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = (int)-result;
    return -1;
}
