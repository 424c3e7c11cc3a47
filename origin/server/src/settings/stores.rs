//! The object store: as we reach it, and as others do.

use axum::http::Uri;

use super::reader::Reader;
use super::{ObjectSettings, PublicStore, StoreProbe};

/// In place of a URL: as the origin reaches it.
const SAME: &str = "same";

/// All of it or none of it: half a store is a mistake.
pub(super) fn objects(reader: &mut Reader<'_>) -> Option<ObjectSettings> {
    let endpoint = reader.http_url("S3_ENDPOINT");
    let edge_endpoint = reader.http_url("S3_EDGE_ENDPOINT");
    let region = reader.text_or("S3_REGION", "us-east-1");
    let access_key_id = reader.text("S3_ACCESS_KEY_ID");
    let secret_access_key = reader.secret("S3_SECRET_ACCESS_KEY");
    match (endpoint, access_key_id, secret_access_key) {
        (Some(endpoint), Some(access_key_id), Some(secret_access_key)) => Some(ObjectSettings {
            edge_endpoint: edge_endpoint.unwrap_or_else(|| endpoint.clone()),
            endpoint,
            region,
            access_key_id,
            secret_access_key,
        }),
        (endpoint, id, secret) => {
            let all =
                "is missing: S3_ENDPOINT, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY go together";
            let some =
                endpoint.is_some() || id.is_some() || secret.is_some() || edge_endpoint.is_some();
            for (name, have) in [
                ("S3_ENDPOINT", endpoint.is_some()),
                ("S3_ACCESS_KEY_ID", id.is_some()),
                ("S3_SECRET_ACCESS_KEY", secret.is_some()),
            ] {
                if some && !have {
                    reader.wrong(name, all);
                }
            }
            None
        }
    }
}

pub(super) fn bucket(reader: &mut Reader<'_>) -> String {
    let name = reader.text_or("S3_BUCKET", "sluicegate");
    let fits = (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
    if !fits {
        reader.wrong(
            "S3_BUCKET",
            "must be 3 to 63 lower-case letters, digits, dots or hyphens",
        );
    }
    name
}

pub(super) fn public(reader: &mut Reader<'_>) -> Option<PublicStore> {
    const NAME: &str = "S3_PUBLIC_ENDPOINT";
    if reader.is(NAME, SAME) {
        reader.text(NAME)?;
        return Some(PublicStore::Same);
    }
    reader.http_url(NAME).map(PublicStore::At)
}

pub(super) fn probe(reader: &mut Reader<'_>) -> StoreProbe {
    let rules = [("require", StoreProbe::Require), ("warn", StoreProbe::Warn)];
    let rule = reader.choice("S3_PROBE", "require", &rules);
    rule.unwrap_or(StoreProbe::Require)
}

/// Sites as browsers name them: scheme, host and port, and nothing behind.
pub(super) fn cors_origins(reader: &mut Reader<'_>) -> Vec<String> {
    const NAME: &str = "S3_CORS_ORIGINS";
    let text = reader.text(NAME).unwrap_or_default();
    let origins: Vec<String> = text
        .split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty())
        .map(str::to_owned)
        .collect();
    if !origins.iter().all(|origin| is_origin(origin)) {
        reader.wrong(
            NAME,
            "must be sites such as https://example.org, separated by commas, without a path",
        );
    }
    origins
}

fn is_origin(text: &str) -> bool {
    let uri = text.parse::<Uri>().ok();
    let plain = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    let authority = text.split_once("://").map_or("", |(_, rest)| rest);
    plain && !authority.contains(['/', '?', '#', '@']) && *text == text.to_ascii_lowercase()
}
