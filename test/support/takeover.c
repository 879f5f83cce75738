/* Native code in a sandbox process: each row is one system call that must not work behind the outer wall. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <node_api.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static napi_env env_;
static napi_value rows;
static uint32_t count;

static void row(const char *name, long result) {
  napi_value pair, text, code;
  napi_create_array_with_length(env_, 2, &pair);
  napi_create_string_utf8(env_, name, NAPI_AUTO_LENGTH, &text);
  napi_create_int64(env_, result, &code);
  napi_set_element(env_, pair, 0, text);
  napi_set_element(env_, pair, 1, code);
  napi_set_element(env_, rows, count++, pair);
}

static long child_of(long pid) {
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid((pid_t)pid, NULL, 0);
  return pid;
}

static long readable(const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return -1;
  char byte;
  long got = read(fd, &byte, 1);
  close(fd);
  return got;
}

static napi_value run(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value argv[4];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  int32_t host, port;
  char canary[512], folder[512], path[1200];
  napi_get_value_int32(env, argv[0], &host);
  napi_get_value_int32(env, argv[1], &port);
  napi_get_value_string_utf8(env, argv[2], canary, sizeof canary, NULL);
  napi_get_value_string_utf8(env, argv[3], folder, sizeof folder, NULL);
  env_ = env;
  count = 0;
  napi_create_array(env, &rows);

  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, "127.0.0.1", &there.sin_addr);
  int tcp = socket(AF_INET, SOCK_STREAM, 0);
  row("a tcp socket", tcp);
  row("a tcp connection", tcp < 0 ? -1 : connect(tcp, (struct sockaddr *)&there, sizeof there));
  row("a udp socket", socket(AF_INET, SOCK_DGRAM, 0));
  row("a tcp socket over IPv6", socket(AF_INET6, SOCK_STREAM, 0));
  row("a unix socket", socket(AF_UNIX, SOCK_STREAM, 0));
  row("a netlink socket", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  row("a vsock socket", socket(AF_VSOCK, SOCK_STREAM, 0));
  int pair[2];
  row("a pair of sockets", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  row("fork", child_of(fork()));
  row("vfork by its number", child_of(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)));
  row("clone3", child_of(syscall(SYS_clone3, NULL, 0)));
  row("signal the host", kill(host, 0));
  row("signal everybody", kill(-1, 0));
  row("signal a thread of the host", syscall(SYS_tgkill, host, host, 0));
  row("a handle of the host", syscall(SYS_pidfd_open, host, 0));
  row("trace the host", ptrace(PTRACE_SEIZE, host, 0, 0) == 0 ? ptrace(PTRACE_DETACH, host, 0, 0) : -1);
  char byte;
  struct iovec local = {&byte, 1}, remote = {(void *)0x400000, 1};
  long read_memory = process_vm_readv(host, &local, 1, &remote, 1, 0);
  row("the host's memory", read_memory < 0 && errno == EFAULT ? 0 : read_memory);
  snprintf(path, sizeof path, "/proc/%d/environ", host);
  row("the host's environment", readable(path));
  snprintf(path, sizeof path, "/proc/%d/mem", host);
  int mem = open(path, O_RDONLY);
  row("the host's memory as a file", mem);
  snprintf(path, sizeof path, "/proc/%d/root%s", host, canary);
  row("a file through the host's root", readable(path));
  row("the canary", readable(canary));
  row("/etc/passwd", readable("/etc/passwd"));
  row("/etc/shadow", readable("/etc/shadow"));
  snprintf(path, sizeof path, "%s/native", folder);
  row("write beside the canary", open(path, O_CREAT | O_WRONLY, 0600));
  row("write over its own node", open("/proc/self/exe", O_WRONLY));
  row("a mount", mount(NULL, NULL, NULL, 0, NULL) < 0 && errno != EPERM ? 0 : -1);
  row("its own namespaces", unshare(CLONE_NEWUSER));
  row("a network of its own", unshare(CLONE_NEWNET));
  row("another root", chroot("/"));
  row("become root", geteuid() == 0 ? -1 : setuid(0));
  row("a privilege on exec", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? -1 : 0);
  row("eBPF", syscall(SYS_bpf, 0, NULL, 0) < 0 && errno != EPERM ? 0 : -1);
  row("io_uring", syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EFAULT ? 0 : -1);
  row("userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC));
  row("performance counters", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0) < 0 && errno != EPERM ? 0 : -1);
  row("keys of the kernel", syscall(SYS_keyctl, 0, -3, 0, 0, 0));
  row("a mount by its handle", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
#ifdef __x86_64__
  row("a socket by the second table", syscall(0x40000000 + SYS_socket, AF_INET, SOCK_STREAM, 0));
#endif
  return rows;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "run", NAPI_AUTO_LENGTH, run, NULL, &function);
  napi_set_named_property(env, exports, "run", function);
  return exports;
}
