//! The application's variables.

use sluicegate_policy::settings::Variables;
use spin_sdk::variables;

/// Reads all of them. One that the manifest does not name is as if it were empty.
pub(crate) async fn variables() -> Variables {
    Variables {
        origin_url: read("origin_url").await,
        jwt_secret: read("jwt_secret").await,
        jwt_keys: read("jwt_keys").await,
        jwt_issuer: read("jwt_issuer").await,
        jwt_audience: read("jwt_audience").await,
        edge_key: read("edge_key").await,
        limit_picture_bytes: read("limit_picture_bytes").await,
        cors_allowed_origins: read("cors_allowed_origins").await,
    }
}

async fn read(name: &str) -> String {
    variables::get(name).await.unwrap_or_default()
}
