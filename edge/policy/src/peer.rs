//! What it means for the client when origin or store fail.

use sluicegate_contract::problem::ProblemType;

use crate::refusal::Refusal;

/// Who is behind the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The origin.
    Origin,
    /// The object store.
    Store,
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Store => "store",
        }
    }
}

/// How a request to a peer can end without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody took the connection.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The host does not let more connections through.
    Busy,
    /// The host forbids the peer: the application is not configured for it.
    Denied,
    /// The connection broke, or what came over it is not what we speak.
    Broken,
}

/// The client's answer when a request to a peer failed.
pub fn failed(peer: Peer, failure: Failure) -> Refusal {
    let name = peer.name();
    match failure {
        Failure::Unreachable => Refusal::new(
            ProblemType::BadGateway,
            &format!("The {name} cannot be reached."),
        ),
        Failure::TimedOut => Refusal::new(
            ProblemType::GatewayTimeout,
            &format!("The {name} did not answer in time."),
        ),
        Failure::Busy => Refusal::unavailable(&format!("The {name} takes no more requests."), 2),
        Failure::Denied => Refusal::new(
            ProblemType::Internal,
            &format!("The edge is not configured to reach the {name}."),
        ),
        Failure::Broken => Refusal::new(
            ProblemType::BadGateway,
            &format!("The {name} ended the exchange, or answered wrongly."),
        ),
    }
}

/// What the store's status to a presigned PUT means; `Ok` if it has the object. `digest` says whether
/// the client gave one for the store to check.
pub fn stored(status: u16, digest: bool) -> Result<(), Refusal> {
    match status {
        200 | 201 | 204 => Ok(()),
        400 if digest => Err(Refusal::new(
            ProblemType::InvalidRequest,
            "The store refused the body: most likely it does not match its Repr-Digest.",
        )),
        408 | 504 => Err(failed(Peer::Store, Failure::TimedOut)),
        429 | 503 | 507 => Err(Refusal::unavailable("The store takes no more uploads.", 5)),
        _ => Err(Refusal::new(
            ProblemType::BadGateway,
            "The store did not take the upload.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_gateway_errors() {
        let status = |failure| failed(Peer::Origin, failure).status();
        assert_eq!(status(Failure::Unreachable), 502);
        assert_eq!(status(Failure::TimedOut), 504);
        assert_eq!(status(Failure::Busy), 503);
        assert_eq!(status(Failure::Denied), 500);
        assert_eq!(status(Failure::Broken), 502);
    }

    #[test]
    fn only_success_counts_as_stored() {
        let outcome = |status, digest| stored(status, digest).err().map(|r| r.status());
        assert_eq!(outcome(200, false), None);
        assert_eq!(outcome(400, false), Some(502));
        assert_eq!(outcome(400, true), Some(400));
        for status in [100, 206, 301, 403, 412, 500] {
            assert_eq!(outcome(status, true), Some(502), "{status}");
        }
        assert_eq!(outcome(503, false), Some(503));
        assert_eq!(outcome(504, false), Some(504));
    }
}
