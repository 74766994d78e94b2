/* Makes each system call in a child of its own, and prints what came of it: NAME ok|errno N|signal N */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* All-ones arguments: what is not filtered fails in the kernel's own way, or changes nothing. */
#define P(name) {#name, SYS_##name, {-1, -1, -1, -1, -1, -1}}
static const struct {
    const char *name;
    long number, arguments[6];
} calls[] = {
    P(kexec_load), P(open_by_handle_at), P(init_module), P(finit_module), P(delete_module), P(mknod), P(mknodat),
    P(chroot), P(pivot_root), P(mount), P(umount2), P(swapon), P(swapoff), P(acct), P(settimeofday), P(clock_settime),
    P(adjtimex), P(bpf), P(perf_event_open), P(ptrace), P(process_vm_readv), P(process_vm_writev), P(keyctl),
    P(add_key), P(request_key), P(userfaultfd), P(unshare), P(setns), P(quotactl), P(name_to_handle_at), P(fanotify_init),
    P(kcmp), P(socket), P(getppid), P(getpriority), P(sched_getparam), P(fchdir), P(flock), P(fsync), P(ftruncate),
    P(newfstatat), P(kexec_file_load),
    {"umount2-force", SYS_umount2, {(long)"/nowhere", 1}},
    {"umount2-plain", SYS_umount2, {(long)"/nowhere", 0}},
    {"personality-0", SYS_personality, {0}},
    {"personality-8", SYS_personality, {8}},
};

static void print(const char *name, int pid) {
    int status;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) printf("%s signal %d\n", name, WTERMSIG(status));
    else if (WEXITSTATUS(status)) printf("%s errno %d\n", name, WEXITSTATUS(status));
    else printf("%s ok\n", name);
    fflush(stdout);
}

int main(void) {
    int pid;
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
        const long *a = calls[i].arguments;
        if ((pid = fork()) == 0)
            _exit(syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]) == -1 ? errno : 0);
        print(calls[i].name, pid);
    }
#ifdef __x86_64__
    static const struct {
        const char *name;
        int number;
    } others[] = {{"i386-mknod", 14}, {"i386-socket", 359}};
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        if ((pid = fork()) == 0) { /* as a 32-bit program makes it */
            int result = others[i].number;
            __asm__ volatile("int $0x80" : "+a"(result) : "b"(-1), "c"(-1), "d"(-1) : "memory", "r8", "r9", "r10", "r11");
            _exit(result < 0 ? -result : 0);
        }
        print(others[i].name, pid);
    }
#endif
    return 0;
}
