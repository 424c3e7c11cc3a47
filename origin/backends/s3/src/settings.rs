use std::fmt;

/// Where the store is, and who we are there.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// As the origin reaches it, `http` or `https`, without a path.
    pub endpoint: String,
    /// As edges reach it: the host of URLs for [`Reach::Edge`](sluicegate_core::ports::Reach).
    pub edge_endpoint: String,
    /// As clients reach it; none where they cannot. Then nothing can be presigned for them.
    pub public_endpoint: Option<String>,
    /// Part of every signature; `us-east-1` where the service has none.
    pub region: String,
    /// All objects are in it.
    pub bucket: String,
    /// Not secret.
    pub access_key_id: String,
    /// Secret; never shown by `Debug`.
    pub secret_access_key: String,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("endpoint", &self.endpoint)
            .field("edge_endpoint", &self.edge_endpoint)
            .field("public_endpoint", &self.public_endpoint)
            .field("region", &self.region)
            .field("bucket", &self.bucket)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}
