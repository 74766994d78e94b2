/*
 * lxc-client: what the commands on PATH are run by.  Each is a small script whose interpreter this is.
 *
 *   lxc-client SCRIPT WORD…   have the fork server of this user run SCRIPT, or else Python itself
 *   lxc-client --task TASK    the same for the work that lxc.runtime.spawn wants done; descriptor 3 is its channel
 *   lxc-client --rest …       be a monitor that has nothing to do (rest.c)
 *   lxc-client --serve        become the fork server, on the socket that systemd passed (sd_listen_fds(3))
 *
 * The conversation, on a stream socket (lxc/runtime/forkserver/server.py is the other side, and says what a server refuses):
 *
 *   connect, struct request, strings; descriptors ────▶
 *                                  ◀─────────────────── its pid, in the mailbox: from here on it has begun
 *   signals, to that pid ─────────────────────────────▶
 *                                  ◀─────────────────── ENDED or KILLED, and how; or REFUSED
 *
 * The mailbox is a file in memory that both have: what is written there wakes nobody.  On a kernel that does not say
 * which process connected (SO_PEERPIDFD, Linux 6.5), the request is sent only after a HELLO.
 *
 * Until it has begun, whatever goes wrong leads to running it ourselves; after that, never.  The worker has our
 * terminal, files, directory, environment, umask and limits, but is no process of our session: keys, job control and
 * window changes reach it through us.  It is killed if we are, and we end as it does.
 */
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

const char server_program[] = "import sys; sys.path.insert(0, sys.argv[1]); from lxc.cli import serve; serve(sys.argv[2:])";
/* What it cannot load it does not need to be the monitor: the process becomes rest.c again, and stays that. */
static const char wake[] =
    "import os, sys; sys.path.insert(0, sys.argv[1]); sheet, note, title, program = sys.argv[2:]\n"
    "try: from lxc.runtime.life import rest\n"
    "except BaseException: os.execve(int(program), (title, '--rest', sheet, sys.argv[1], 'deaf', note), os.environ)\n"
    "rest.wake(int(sheet), int(note), title, int(program))";
static const char task[] = "import sys; sys.path.insert(0, sys.argv[1]); from lxc.runtime import spawn; sys.exit(spawn.serve(3))";

char packages[4096];
char **arguments, **environment;
sigset_t before, forwarded;
static bool insists; /* LXC_FORKSERVER=only: for tests, and whoever wonders */

/* ---- running it ourselves ---------------------------------------------------------------------------------------- */

void find_packages(void)
{
    static const char tail[] = "/lxc/libexec/lxc-client";
    ssize_t length = readlink("/proc/self/exe", packages, sizeof packages - 1);

    length -= (ssize_t)strlen(tail);
    packages[length > 0 ? length : 0] = 0;
}

/* Become Python, through a detached read-only mount: whoever opens /proc/PID/exe of it cannot overwrite the host's. */
void become_python(char *const words[], char *const variables[])
{
    struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, PYTHON, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (tree >= 0 && syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &readonly, sizeof readonly) == 0)
        syscall(SYS_execveat, tree, "", words, variables, AT_EMPTY_PATH);
    execve(PYTHON, words, variables); /* without the privilege to mount there is none to overwrite it either */
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", arguments[1], what, strerror(errno));
    _exit(LOST);
}

/* Become the monitor that was resting (rest.c); returns if there is no Python. */
void become_awake(void)
{
    char *words[] = {PYTHON, "-IS", "-c", (char *)wake, packages, arguments[2], arguments[3], arguments[0], arguments[4], NULL};

    become_python(words, environment);
}

_Noreturn void run_directly(const char *why)
{
    size_t count = 0;
    sigset_t interrupt;
    char **words;

    if (insists) {
        fprintf(stderr, "lxc-client: not served: %s\n", why);
        _exit(LOST);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    if (strcmp(arguments[1], "--task") == 0) {
        find_packages();
        sigprocmask(SIG_BLOCK, &interrupt, NULL); /* until it is what somebody catches */
        become_python((char *[]){PYTHON, "-IS", "-c", (char *)task, packages, NULL}, environment);
    }
    while (arguments[count])
        count++;
    if (strcmp(arguments[1], "--wake") == 0) {
        become_awake();
        _exit(LOST);
    }
    words = calloc(count + 4, sizeof *words);
    if (words) {
        size_t first = 0;

        words[first++] = PYTHON, words[first++] = "-IS";
        if (!sigismember(&before, SIGINT)) { /* Python would show where it was interrupted; SCRIPT lets it through */
            words[first++] = "-X", words[first++] = "wake";
            sigprocmask(SIG_BLOCK, &interrupt, NULL);
        }
        memcpy(words + first, arguments + 1, count * sizeof *words); /* with the NULL at the end */
        become_python(words, environment);
    }
    fail(PYTHON);
}

/* ---- main -------------------------------------------------------------------------------------------------------- */

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

/* Which command it is, without "lxc-": what follows `lxc`, or its own name. */
static const char *command(void)
{
    const char *slash = strrchr(arguments[1], '/');
    const char *name = slash ? slash + 1 : arguments[1];

    if (strcmp(name, "lxc") == 0)
        name = arguments[2] ? arguments[2] : "";
    return strncmp(name, "lxc-", 4) == 0 ? name + 4 : name;
}

/*
 * Ends for want of what Python does not get along without: it would say so in its own words, at whatever place it had come to.
 * Returns whether there is room for a worker of the server, too, which has loaded everything.
 */
static bool has_room(void)
{
    enum { KIB = 1024, PLENTY = 8 };
    static const struct { int resource; unsigned needed_kib; const char *of, *option; } limits[] = {
        {RLIMIT_AS, 32 * KIB, "address space", "-v"}, {RLIMIT_DATA, 16 * KIB, "data", "-d"}, {RLIMIT_STACK, 128, "stack", "-s"},
    };
    const char *slash = strrchr(arguments[1], '/');
    struct rlimit limit;
    bool plenty = true;

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        rlim_t needed = (rlim_t)limits[i].needed_kib * KIB;

        if (getrlimit(limits[i].resource, &limit) < 0 || limit.rlim_cur >= needed * PLENTY)
            continue;
        plenty = false;
        if (limit.rlim_cur >= needed)
            continue;
        fprintf(stderr, "%s: out of memory: the limit of the %s is %llu KiB\n  it needs more: raise the limit (ulimit %s %u)\n",
            slash ? slash + 1 : arguments[1], limits[i].of, (unsigned long long)limit.rlim_cur / KIB, limits[i].option, limits[i].needed_kib);
        _exit(LOST);
    }
    return plenty;
}

static bool is_in_foreground(void)
{
    for (char **word = arguments + 2; *word; word++)
        if (strcmp(*word, "-F") == 0 || strcmp(*word, "--foreground") == 0)
            return true;
    return false;
}

/* How the name of the socket ends at which a worker waits for such commands. */
static const char *counter_of(const char *called)
{
    static const char *const traceless[] = {"info", "ls", "stop", NULL}, *const joining[] = {"attach", "attach to", NULL};

    if (strcmp(called, "--task") == 0 && arguments[2])
        called = arguments[2];
    if (is_one_of(called, traceless))
        return ".look";
    return strcmp(called, "start") == 0 ? ".start" : is_one_of(called, joining) ? ".join" : "";
}

/* Whether the environment wants no server, or could have no server's directory. */
bool is_served_nowhere(void)
{
    const char *wish = getenv("LXC_FORKSERVER");

    return (wish && strcmp(wish, "0") == 0) || geteuid() != getuid() || getegid() != getgid();
}

/* Whether we have inherited what nobody else sees of us, or what none can be served with: a server would not have it. */
static bool is_peculiar(void)
{
    enum { USUAL_SLACK = 50000, IOPRIO_CLASS_BE = 2, IOPRIO_USUAL = 4, IOPRIO_SHIFT = 13 };
    enum { GET_MDWE = 66, GET_MEMORY_MERGE = 68 }; /* prctl(2), Linux 6.3 and 6.4 */
    enum { SCHED_CORE = 62, SCHED_CORE_GET = 0 };  /* Linux 5.14 */
    unsigned long long cookie = 0;
    long priority = syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, 0);
    int policy = 0, memory_failure = prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);

    syscall(SYS_get_mempolicy, &policy, NULL, 0, NULL, 0);
    prctl(SCHED_CORE, SCHED_CORE_GET, 0, 0 /* PIDTYPE_PID */, &cookie);
    if (cookie != 0 || (memory_failure >= 0 && memory_failure != PR_MCE_KILL_DEFAULT))
        return true;
    return policy != 0 || prctl(PR_GET_TIMERSLACK) != USUAL_SLACK || prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) > 0
        || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) > 0 || prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) > 0
        || prctl(GET_MDWE, 0, 0, 0, 0) > 0 || prctl(GET_MEMORY_MERGE, 0, 0, 0, 0) > 0
        || (priority > 0 && priority != (IOPRIO_CLASS_BE << IOPRIO_SHIFT | IOPRIO_USUAL));
}

static _Noreturn void serve(void)
{
    char text[24];

    find_packages();
    snprintf(text, sizeof text, "%llu", (unsigned long long)key_of());
    become_python((char *[]){PYTHON, "-IS", "-c", (char *)server_program, packages, "", text, NULL}, environment);
    fail(PYTHON);
}

int main(int argc, char **argv, char **variables)
{
    /* Programs that may ask for a password want a terminal of their own; what a host's services run is theirs alone. */
    static const char *const alone[] = {"create", "unshare", "usernsexec", "net", "containers", "monitord", NULL};
    static const char *const readers[] = {"attach", "console", "execute", NULL};
    const char *wish = getenv("LXC_FORKSERVER");
    char directory[sizeof(struct sockaddr_un)], name[32];
    int channel, terminal;
    const char *called;
    uint64_t key;
    bool roomy;

    arguments = argv, environment = variables;
    if (argc < 2) {
        fprintf(stderr, "lxc-client: the commands are run by it; it is none itself\n");
        return LOST;
    }
    sigprocmask(SIG_BLOCK, NULL, &before);
    signal(SIGCHLD, SIG_DFL); /* ignored, as who calls us may have it, it takes the exit codes away */
    if (strcmp(argv[1], "--serve") == 0)
        serve();
    if (strcmp(argv[1], "--rest") == 0)
        rest(argc, argv);
    insists = wish && strcmp(wish, "only") == 0;
    roomy = argv[1][0] == '-' || has_room();
    called = command();
    if ((wish && strcmp(wish, "0") == 0) || is_one_of(called, alone))
        insists = false, run_directly("");
    if (geteuid() != getuid() || getegid() != getgid() || !directory_of(directory, sizeof directory))
        run_directly("this user has no directory for it");
    if (!roomy)
        run_directly("its memory is limited");
    if (is_peculiar())
        run_directly("it has another timer slack, priority of disk, policy of memory, cookie of core scheduling, securebits, or no new privileges");
    terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (is_in_background(terminal))
        run_directly("it is a job in the background");
    key = key_of();
    snprintf(name, sizeof name, "%016llx%s", (unsigned long long)key, counter_of(called));
    channel = connect_to(directory, name);
    if (channel < 0 && strchr(name, '.')) {
        *strchr(name, '.') = 0;
        channel = connect_to(directory, name);
    }
    if (channel < 0)
        channel = connect_to(directory, "socket"); /* systemd's */
    if (channel < 0) {
        start_server(directory, key);
        run_directly("there was no server");
    }
    be_served(channel, terminal, key, is_one_of(called, readers) || is_in_foreground());
}
