use super::reader::Reader;
use super::secret::Secret;

/// What tells caches of removed pictures.
#[derive(Debug, Clone)]
pub struct PurgeSettings {
    /// Where it is called.
    pub url: Secret,
    /// The key to it.
    pub key: Option<Secret>,
}

pub(super) fn purge(reader: &mut Reader<'_>) -> Option<PurgeSettings> {
    let url = reader.http_url("PURGE_HOOK_URL").map(Secret::new);
    let key = reader.secret("PURGE_HOOK_KEY");
    if url.is_none() && key.is_some() {
        reader.wrong(
            "PURGE_HOOK_URL",
            "is missing: PURGE_HOOK_KEY is the key to it",
        );
    }
    Some(PurgeSettings { url: url?, key })
}
