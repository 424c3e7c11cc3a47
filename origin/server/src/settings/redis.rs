//! The queue on Redis.

use sluicegate_bullmq::RedisAddress;

use super::reader::Reader;

/// Where it is; the certificates are read with the settings, so that a mistake is told with all others.
pub(super) fn redis(reader: &mut Reader<'_>) -> Option<RedisAddress> {
    const CA: &str = "REDIS_CA_FILE";
    const URL: &str = "REDIS_URL";
    let url = reader.secret(URL);
    let ca = match reader.path(CA) {
        None => None,
        Some(path) => match std::fs::read(&path) {
            Ok(ca) => Some(ca),
            Err(error) => {
                let rule = format!("cannot be read: {}: {error}", path.display());
                reader.wrong(CA, rule);
                None
            }
        },
    };
    let Some(url) = url else {
        if ca.is_some() {
            reader.wrong(URL, "is missing: REDIS_CA_FILE signs its certificate");
        }
        return None;
    };
    // The error never holds the URL.
    match RedisAddress::parse(url.expose(), ca) {
        Ok(address) => Some(address),
        Err(error) => {
            reader.wrong(URL, format!("is {error}"));
            None
        }
    }
}
