//! The second fence: which system calls are left, by list.
//!
//! Three filters, the strictest answer of which counts. What is not in the list of allowed calls is
//! refused with EPERM, which every library takes for "not here". What no library of ours has a
//! reason to try (another program, another process, another kernel, another root) ends the process:
//! whoever tries it is not our code any more. `clone3` is answered with ENOSYS, because its flags
//! lie in memory where no filter sees them: the C library then starts its thread with `clone`,
//! whose flags it does see.
//!
//! Must never: allow a call by the content of memory (a filter sees numbers only), or a call that
//! opens a socket, a file for writing or another process. Allocates; runs once.

use super::Policy;
use libc::c_int;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Outcome<T> = Result<T, BackendError>;

/// Memory, time, threads, and what is open already.
const PLAIN: [i64; 60] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    // Of the memory guard's record, which was open before.
    libc::SYS_fdatasync,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_ppoll,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    // Refused with ENOSYS by a filter of its own.
    libc::SYS_clone3,
    // A model's file is opened beneath its root with it. Its flags lie in memory too: that it cannot
    // write is the first fence's work, and without that fence it is answered as `clone3` is.
    libc::SYS_openat2,
    libc::SYS_getrlimit,
    libc::SYS_fadvise64,
];

/// The same under the names this processor has from older days.
#[cfg(target_arch = "x86_64")]
const PLAIN_OLD: [i64; 7] = [
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_poll,
    libc::SYS_epoll_wait,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const PLAIN_OLD: [i64; 0] = [];

/// The sockets that are there: the listener's peers, what they send, what they are told. Shared
/// memory comes as a descriptor in a message.
const SOCKETS: [i64; 7] = [
    libc::SYS_accept4,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_shutdown,
    libc::SYS_getsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
];

/// What ends the process.
const DEADLY: [i64; 37] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
];

/// Calls only a GPU's runtime makes: it locks and places memory.
const GPU: [i64; 6] = [
    libc::SYS_ioctl,
    libc::SYS_mlock,
    libc::SYS_munlock,
    libc::SYS_mbind,
    libc::SYS_get_mempolicy,
    libc::SYS_set_mempolicy,
];

/// What `fcntl` may be asked: flags of a descriptor, a copy of it, the seals of shared memory.
/// Never who gets its signals.
const FCNTL: [c_int; 7] = [
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GET_SEALS,
];

/// Names of memory areas, which the allocator gives.
const PR_SET_VMA: u64 = 0x5356_4d41;

/// Flags of `clone` that are looked at: a thread, and no name space.
const CLONE_SEEN: c_int = libc::CLONE_THREAD
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// Flags of `open` that write, make or cut a file; `O_ACCMODE` is 0 for reading.
const OPEN_WRITES: c_int = libc::O_ACCMODE | OPEN_MAKES;
const OPEN_MAKES: c_int = libc::O_CREAT | libc::O_TRUNC | (libc::O_TMPFILE & !libc::O_DIRECTORY);

/// The three filters, in the order in which they are set; `files_closed` is the first fence.
pub(super) fn programs(policy: &Policy, files_closed: bool) -> Outcome<Vec<BpfProgram>> {
    let kill = filter(deadly()?, SeccompAction::Allow, SeccompAction::KillProcess)?;
    let mut unseen: Rules = [(libc::SYS_clone3, Vec::new())].into_iter().collect();
    if !files_closed {
        unseen.insert(libc::SYS_openat2, Vec::new());
    }
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let absent = filter(unseen, SeccompAction::Allow, absent)?;
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let list = filter(allowed(policy)?, refuse, SeccompAction::Allow)?;
    Ok(vec![kill, absent, list])
}

/// A filter that takes nothing away, to see whether filters can be set.
pub(super) fn probe() -> Outcome<BpfProgram> {
    let rules = [(libc::SYS_reboot, Vec::new())].into_iter().collect();
    filter(rules, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM.unsigned_abs()))
}

fn filter(rules: Rules, otherwise: SeccompAction, then: SeccompAction) -> Outcome<BpfProgram> {
    SeccompFilter::new(rules, otherwise, then, std::env::consts::ARCH.try_into()?)?.try_into()
}

fn deadly() -> Outcome<Rules> {
    let mut rules: Rules = DEADLY.into_iter().map(|call| (call, Vec::new())).collect();
    // Letters typed into the terminal of whoever started us.
    rules.insert(libc::SYS_ioctl, vec![word(1, libc::TIOCSTI)?, word(1, libc::TIOCLINUX)?]);
    Ok(rules)
}

fn allowed(policy: &Policy) -> Outcome<Rules> {
    let on_gpu = !policy.devices.is_empty();
    let plain = PLAIN.into_iter().chain(PLAIN_OLD).chain(SOCKETS);
    let mut rules: Rules = plain.map(|call| (call, Vec::new())).collect();
    let unix = || word(0, bits(libc::AF_UNIX));
    rules.insert(libc::SYS_socket, vec![unix()?]);
    rules.insert(libc::SYS_socketpair, vec![unix()?]);
    // To the peer of the socket, not to an address.
    rules.insert(libc::SYS_sendto, vec![null(4)?]);
    rules.insert(libc::SYS_openat, opening(2, on_gpu)?);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, opening(1, on_gpu)?);
    rules.insert(libc::SYS_clone, vec![masked(0, CLONE_SEEN, libc::CLONE_THREAD)?]);
    // abort() is a signal to oneself.
    rules.insert(libc::SYS_tgkill, vec![word(0, u64::from(std::process::id()))?]);
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![own(0, 0)?, wide(2, 0)?])?]);
    let names = [bits(libc::PR_SET_NAME), bits(libc::PR_GET_NAME), PR_SET_VMA];
    rules.insert(libc::SYS_prctl, each(0, &names)?);
    rules.insert(libc::SYS_fcntl, each(1, &FCNTL.map(bits))?);
    let told = [libc::TCGETS, libc::TIOCGWINSZ, libc::FIONREAD, libc::FIONBIO, libc::FIOCLEX];
    rules.insert(libc::SYS_ioctl, each(1, &told)?);
    // No new code in this process.
    rules.insert(libc::SYS_mmap, vec![masked(2, libc::PROT_EXEC, 0)?]);
    rules.insert(libc::SYS_mprotect, vec![masked(2, libc::PROT_EXEC, 0)?]);
    if on_gpu {
        let made = [libc::SYS_mmap, libc::SYS_mprotect].into_iter().chain(GPU);
        rules.extend(made.map(|call| (call, Vec::new())));
    }
    if policy.io_uring {
        // Its ring is open and takes three operations (ipc's uring.rs); no other can be made.
        rules.insert(libc::SYS_io_uring_enter, Vec::new());
    }
    Ok(rules)
}

/// Opening for reading; of a device also for both.
fn opening(flags: u8, on_gpu: bool) -> Outcome<Vec<SeccompRule>> {
    let mut rules = vec![masked(flags, OPEN_WRITES, libc::O_RDONLY)?];
    if on_gpu {
        rules.push(masked(flags, OPEN_WRITES, libc::O_RDWR)?);
    }
    Ok(rules)
}

/// The number behind a constant of the C headers.
fn bits(constant: c_int) -> u64 {
    u64::from(constant.unsigned_abs())
}

fn own(argument: u8, value: u64) -> Outcome<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn wide(argument: u8, value: u64) -> Outcome<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, value)
}

/// An argument of 32 bits has this value.
fn word(argument: u8, value: u64) -> Outcome<SeccompRule> {
    SeccompRule::new(vec![own(argument, value)?])
}

/// A pointer is not given.
fn null(argument: u8) -> Outcome<SeccompRule> {
    SeccompRule::new(vec![wide(argument, 0)?])
}

/// The bits of `mask` in an argument of 32 bits are those of `value`.
fn masked(argument: u8, mask: c_int, value: c_int) -> Outcome<SeccompRule> {
    let operator = SeccompCmpOp::MaskedEq(bits(mask));
    let condition =
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, bits(value))?;
    SeccompRule::new(vec![condition])
}

/// An argument of 32 bits has one of these values.
fn each(argument: u8, values: &[u64]) -> Outcome<Vec<SeccompRule>> {
    values.iter().map(|value| word(argument, *value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn policy() -> Policy {
        Policy::new(Path::new("/m"), Path::new("/s/signal.sock"))
    }

    #[test]
    fn what_is_deadly_is_not_allowed() {
        let rules = allowed(&policy()).unwrap();
        for call in DEADLY {
            assert!(!rules.contains_key(&call), "call {call} is in both lists");
        }
    }

    #[test]
    fn a_ring_is_entered_only_where_there_is_one_and_never_made() {
        for io_uring in [false, true] {
            let rules = allowed(&Policy { io_uring, ..policy() }).unwrap();
            assert_eq!(rules.contains_key(&libc::SYS_io_uring_enter), io_uring);
            assert!(!rules.contains_key(&libc::SYS_io_uring_setup));
            assert!(!rules.contains_key(&libc::SYS_io_uring_register));
        }
    }

    #[test]
    fn every_policy_compiles() {
        let gpu = Policy { devices: vec!["/dev/nvidia0".into()], io_uring: true, ..policy() };
        for policy in [policy(), gpu] {
            for files_closed in [true, false] {
                let programs = programs(&policy, files_closed).unwrap();
                assert_eq!(programs.len(), 3);
                assert!(programs.iter().all(|program| program.len() > 4));
            }
        }
    }
}
