/* sched_setscheduler PID POLICY at priority 0: prints the errno, and the policy that PID has then. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    struct sched_param param = {0};
    int pid = atoi(argv[1]);
    int failed = syscall(SYS_sched_setscheduler, pid, atoi(argv[2]), &param) ? errno : 0;
    printf("%d %ld\n", failed, syscall(SYS_sched_getscheduler, pid));
    return 0;
}
