//! The process's limit of open files: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one, as the usual soft limit of 1024 is for programs that use
/// `select`. Says in the log where that is less than `needed`.
pub fn raise(needed: u64) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("the limit of open files stays as it is: {error}");
    }
    if let Some(current) = getrlimit(Resource::Nofile).current
        && current < needed
    {
        tracing::warn!(
            "open files are limited to {current}, and the limits on connections and requests \
             need {needed}: raise the one or lower the others"
        );
    }
}
