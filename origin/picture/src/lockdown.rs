use std::collections::BTreeMap;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// What a child may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// CPU time in seconds; then the kernel ends it with SIGXCPU.
    pub cpu_seconds: u64,
    /// Address space in bytes; then allocations fail.
    pub memory_bytes: u64,
}

/// A process could not be locked down. It must not go on.
#[derive(Debug, thiserror::Error)]
pub enum LockDownError {
    /// A resource limit was refused.
    #[error("cannot limit resources: {0}")]
    Limits(#[from] rustix::io::Errno),
    /// The filter of system calls was refused.
    #[error("cannot filter system calls: {0}")]
    Filter(#[from] seccompiler::Error),
}

impl From<seccompiler::BackendError> for LockDownError {
    fn from(error: seccompiler::BackendError) -> Self {
        Self::Filter(error.into())
    }
}

/// SIGXCPU comes first; the hard limit ends a process that survives it.
const GRACE_SECONDS: u64 = 2;
const OPEN_FILES: u64 = 16;

/// Locks this process down for good: no file, socket, program or thread can be opened or started, and
/// no limit raised. Call it before any thread is started: others are not bound by it.
pub fn lock_down(caps: Caps) -> Result<(), LockDownError> {
    let filter = filter()?;
    limit(Resource::As, caps.memory_bytes, caps.memory_bytes)?;
    limit(
        Resource::Cpu,
        caps.cpu_seconds,
        caps.cpu_seconds + GRACE_SECONDS,
    )?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    limit(Resource::Nofile, OPEN_FILES, OPEN_FILES)?;
    rustix::thread::set_no_new_privs(true)?;
    seccompiler::apply_filter(&filter)?;
    Ok(())
}

fn limit(resource: Resource, soft: u64, hard: u64) -> Result<(), rustix::io::Errno> {
    // Whoever started us may have set less, and raising it again is not ours to do.
    let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit {
        current: Some(soft.min(allowed)),
        maximum: Some(hard.min(allowed)),
    };
    setrlimit(resource, limit)
}

/// What decoding, allocating, panicking and answering through pipes needs.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sigaltstack,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_sched_yield,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
];

/// Everything else answers EPERM, so that a library that merely tries something carries on.
fn filter() -> Result<BpfProgram, LockDownError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    // `abort` signals its own thread; signals to other processes of the same user stay out of reach.
    let own = u64::from(std::process::id());
    let to_itself = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, own)?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![to_itself])?]);
    let refused = rustix::io::Errno::PERM.raw_os_error().unsigned_abs();
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Errno(refused),
        SeccompAction::Allow,
        architecture,
    )?;
    Ok(filter.try_into()?)
}
