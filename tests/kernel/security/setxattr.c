/* Prints the errnos of setxattr, lsetxattr and fsetxattr of FILE NAME VALUE. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    const char *file = argv[1], *name = argv[2], *value = argv[3];
    size_t size = strlen(value);
    int first = setxattr(file, name, value, size, 0) ? errno : 0;
    int second = lsetxattr(file, name, value, size, 0) ? errno : 0;
    int third = fsetxattr(open(file, O_RDONLY), name, value, size, 0) ? errno : 0;
    printf("%d %d %d\n", first, second, third);
    return 0;
}
