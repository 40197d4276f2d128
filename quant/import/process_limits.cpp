#include "quant/import/process_limits.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <vector>

namespace fxp::quant {

namespace {

void limit(int resource, std::uint64_t most) {
    rlimit now{};
    if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &now) != 0)
        return;
    now.rlim_max = now.rlim_max < most ? now.rlim_max : most;
    now.rlim_cur = now.rlim_max;
    ::setrlimit(static_cast<__rlimit_resource_t>(resource), &now);
}

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0; // no filter
#endif

/// System calls that change something outside the process. By number; not every architecture has each.
std::vector<std::uint32_t> forbiddenCalls() {
    return {
#if defined(__x86_64__)
        SYS_creat, SYS_fork, SYS_vfork, SYS_unlink, SYS_rename, SYS_link, SYS_symlink, SYS_mkdir, SYS_rmdir, SYS_mknod,
            SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat,
#endif
            SYS_execve, SYS_execveat, SYS_unlinkat, SYS_renameat2, SYS_linkat, SYS_symlinkat, SYS_mkdirat, SYS_mknodat,
            SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_truncate, SYS_ftruncate,
            SYS_fallocate, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr,
            SYS_fremovexattr, SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_kill, SYS_tkill, SYS_ptrace,
            SYS_process_vm_readv, SYS_process_vm_writev, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns,
            SYS_unshare, SYS_bpf, SYS_perf_event_open, SYS_open_by_handle_at, SYS_io_setup, SYS_keyctl, SYS_add_key,
            SYS_request_key, SYS_shmget, SYS_msgget, SYS_semget, SYS_mq_open,
#ifdef SYS_io_uring_setup
            SYS_io_uring_setup,
#endif
    };
}

/// A program for the kernel, instruction by instruction: it looks at the number of a call and at the flags of those
/// that can be harmless. Everything else goes through.
class Filter {
  public:
    Filter() {
        load(offsetof(seccomp_data, arch));
        add(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0);
        refuse(EPERM);
        load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
        add(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1); // the calls of x32, which have numbers of their own
        refuse(EPERM);
        refuseWith(SYS_open, 1, kWrites);
#endif
        refuseWith(SYS_openat, 2, kWrites);
        for (const std::uint32_t call : forbiddenCalls())
            refuseCall(call, EPERM);
            // Their flags lie in memory, which a filter cannot read; where they are unknown, the C library takes the
            // older calls.
#ifdef SYS_openat2
        refuseCall(SYS_openat2, ENOSYS);
#endif
#ifdef SYS_clone3
        refuseCall(SYS_clone3, ENOSYS);
#endif
        // A new process, as against a thread.
        add(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3);
        load(argument(0));
        add(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0);
        refuse(EPERM);
        add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }

    void install() {
        sock_fprog program{static_cast<unsigned short>(m_code.size()), m_code.data()};
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    }

  private:
    static constexpr std::uint32_t kWrites = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;

    static std::uint32_t argument(std::size_t i) { // its low half
        return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + i * sizeof(std::uint64_t));
    }
    void add(int code, std::uint32_t value, std::uint8_t whenTrue = 0, std::uint8_t whenFalse = 0) {
        m_code.push_back({static_cast<std::uint16_t>(code), whenTrue, whenFalse, value});
    }
    void load(std::size_t offset) {
        add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
    }
    void refuse(int error) {
        add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
    }
    void refuseCall(std::uint32_t call, int error) {
        add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
        refuse(error);
    }
    void refuseWith(std::uint32_t call, std::size_t i, std::uint32_t flags) {
        add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4);
        load(argument(i));
        add(BPF_JMP | BPF_JSET | BPF_K, flags, 0, 1);
        refuse(EACCES);
        add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }

    std::vector<sock_filter> m_code;
};

} // namespace

void limitProcess(std::uint64_t bytes, std::uint64_t seconds) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    limit(RLIMIT_AS, bytes);
    limit(RLIMIT_CPU, seconds);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    ::signal(SIGXFSZ, SIG_IGN); // a write then fails, and need not be a crash
    if (kArchitecture != 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        Filter().install();
}

} // namespace fxp::quant
