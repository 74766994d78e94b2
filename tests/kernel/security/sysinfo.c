/* Prints what sysinfo(2) says: total and free memory, uptime, processes. */
#include <stdio.h>
#include <sys/sysinfo.h>

int main(void) {
    struct sysinfo info;
    if (sysinfo(&info)) return 1;
    printf("%lu %lu %ld %d\n", info.totalram * info.mem_unit, info.freeram * info.mem_unit, info.uptime, info.procs);
    return 0;
}
