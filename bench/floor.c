/* The floor: the system calls that a container with LXC's usual configuration takes, and nothing else.
 *
 *     floor run CGROUP ROOT COMMAND...     make the cgroup and namespaces, mount, give up privileges, execute, remove
 *     floor enter PID COMMAND...           join the namespaces of a process, execute
 *
 * No configuration, no log, no monitor, no way back from an error: it prints the call and ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static long must(const char *call, long result)
{
	if (result < 0) {
		fprintf(stderr, "floor: %s: %s\n", call, strerror(errno));
		_exit(125);
	}
	return result;
}
#define MUST(call) must(#call, call)

static void mount_at(const char *type, const char *target, unsigned long flags, const char *data)
{
	must(target, mount(type, target, type, flags, data));
}

/* Allowed: making any node; using null, zero, full, random, urandom, terminals, ptys. */
static void limit_devices(int cgroup)
{
	struct bpf_insn program[] = {
		{BPF_LDX | BPF_W | BPF_MEM, 2, 1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0},
		{BPF_ALU64 | BPF_RSH | BPF_K, 2, 0, 0, 16},
		{BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 4, BPF_DEVCG_ACC_MKNOD},
		{BPF_LDX | BPF_W | BPF_MEM, 3, 1, offsetof(struct bpf_cgroup_dev_ctx, major), 0},
		{BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 2, 1},
		{BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 1, 5},
		{BPF_JMP | BPF_JNE | BPF_K, 3, 0, 2, 136},
		{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1},
		{BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
		{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0},
		{BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uintptr_t)program,
		.insn_cnt = COUNT(program),
		.license = (uintptr_t)"GPL",
	};
	int fd = MUST(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr));
	union bpf_attr attach = {
		.target_fd = cgroup, .attach_bpf_fd = fd, .attach_type = BPF_CGROUP_DEVICE, .attach_flags = BPF_F_ALLOW_MULTI};
	MUST(syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach));
}

static void make_devices(void)
{
	static const struct { const char *path; int major, minor; } nodes[] = {
		{"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7},
		{"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},
	};
	for (size_t i = 0; i < COUNT(nodes); i++)
		MUST(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
	MUST(symlink("/proc/self/fd", "dev/fd"));
	MUST(symlink("/proc/self/fd/0", "dev/stdin"));
	MUST(symlink("/proc/self/fd/1", "dev/stdout"));
	MUST(symlink("/proc/self/fd/2", "dev/stderr"));
	MUST(mkdir("dev/pts", 0755));
	mount_at("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5,max=1024");
	MUST(symlink("pts/ptmx", "dev/ptmx"));
	for (int i = 0; i < 5; i++) { /* the console and four ttys */
		char name[] = "dev/console";
		unsigned number;
		int master = MUST(open("dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
		int zero = 0;
		if (i)
			sprintf(name, "dev/tty%d", i);
		MUST(ioctl(master, TIOCSPTLCK, &zero));
		MUST(ioctl(master, TIOCGPTN, &number));
		char pty[32];
		sprintf(pty, "dev/pts/%u", number);
		MUST(close(MUST(open(name, O_CREAT | O_CLOEXEC, 0660))));
		must(name, mount(pty, name, 0, MS_BIND, 0));
	}
}

static void mount_all(const char *root)
{
	static const char *const read_only[] = {"proc/sys", "sys"};
	MUST(mount(0, "/", 0, MS_REC | MS_SLAVE, 0));
	MUST(mount(root, root, 0, MS_BIND | MS_REC, 0));
	MUST(chdir(root));
	mount_at("tmpfs", "dev", MS_NOSUID, "size=500000,mode=755");
	make_devices();
	mount_at("proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0);
	mount_at("sysfs", "sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0);
	for (size_t i = 0; i < COUNT(read_only); i++) {
		must(read_only[i], mount(read_only[i], read_only[i], 0, MS_BIND | MS_REC, 0));
		must(read_only[i], mount(0, read_only[i], 0, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, 0));
	}
	mount_at("cgroup2", "sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0);
	MUST(syscall(SYS_pivot_root, ".", "."));
	MUST(umount2(".", MNT_DETACH));
	MUST(chdir("/"));
}

static void raise_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = MUST(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	MUST(ioctl(fd, SIOCSIFFLAGS, &request));
	MUST(close(fd));
}

/* The five calls that common.seccomp forbids. */
static void filter_calls(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_kexec_load, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open_by_handle_at, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_init_module, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_finit_module, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_delete_module, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	struct sock_fprog filter = {COUNT(program), program};
	MUST(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter));
}

static void give_up(void)
{
	static const int dropped[] = {CAP_MAC_ADMIN, CAP_MAC_OVERRIDE, CAP_SYS_TIME, CAP_SYS_MODULE, CAP_SYS_RAWIO};
	filter_calls(); /* needs no_new_privs or CAP_SYS_ADMIN */
	for (size_t i = 0; i < COUNT(dropped); i++)
		MUST(prctl(PR_CAPBSET_DROP, dropped[i], 0, 0, 0));
}

static int run(const char *path, const char *root, char **command)
{
	int status, pidfd, go[2];
	char byte;
	MUST(mkdir(path, 0755));
	int cgroup = MUST(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	MUST(pipe2(go, O_CLOEXEC));
	struct clone_args how = {.flags = NAMESPACES | CLONE_PIDFD | CLONE_INTO_CGROUP,
				 .pidfd = (uintptr_t)&pidfd,
				 .exit_signal = SIGCHLD,
				 .cgroup = cgroup};
	pid_t pid = MUST(syscall(SYS_clone3, &how, sizeof how));
	if (pid == 0) {
		MUST(setsid());
		MUST(sethostname("floor", 5));
		mount_all(root);
		raise_loopback();
		MUST(read(go[0], &byte, 1));
		give_up();
		execv(command[0], command);
		must(command[0], -1);
	}
	limit_devices(cgroup);
	MUST(write(go[1], "", 1));
	MUST(waitpid(pid, &status, 0));
	MUST(rmdir(path));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int enter(pid_t pid, char **command)
{
	int status;
	int pidfd = MUST(syscall(SYS_pidfd_open, pid, 0));
	MUST(setns(pidfd, NAMESPACES));
	pid_t child = MUST(vfork());
	if (child == 0) {
		execv(command[0], command);
		_exit(127);
	}
	MUST(waitpid(child, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	if (argc > 4 && !strcmp(argv[1], "run"))
		return run(argv[2], argv[3], argv + 4);
	if (argc > 3 && !strcmp(argv[1], "enter"))
		return enter(atoi(argv[2]), argv + 3);
	fputs("usage: floor run CGROUP ROOT COMMAND... | floor enter PID COMMAND...\n", stderr);
	return 2;
}
