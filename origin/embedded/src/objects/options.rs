use std::time::Duration;

use super::Credentials;

/// How the server is run.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Who may sign requests.
    pub credentials: Credentials,
    /// Sites whose pages may send objects to presigned URLs, as `scheme://host:port`.
    pub cors_origins: Vec<String>,
    /// What bounds connections.
    pub limits: ServerLimits,
}

impl ServerOptions {
    /// With the default limits, and no site.
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            cors_origins: Vec::new(),
            limits: ServerLimits::default(),
        }
    }
}

/// What bounds connections.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// How long a request's head may take, the pause between two requests included.
    pub head: Duration,
    /// How long a client may send nothing of a body, or take nothing of an answer.
    pub silence: Duration,
    /// How long a request may take from its head to the head of its answer, however its body trickles.
    pub request: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 512,
            head: Duration::from_mins(1),
            silence: Duration::from_secs(30),
            request: Duration::from_mins(20),
        }
    }
}
