use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::reader::Reader;
use crate::detector::KnownFiles;

/// Of the command `detector`.
#[derive(Debug, Clone)]
pub struct DetectorSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The files that it calls unsafe.
    pub known: Arc<KnownFiles>,
}

pub(super) fn detector(reader: &mut Reader<'_>) -> DetectorSettings {
    let listen = reader.address("DETECTOR_LISTEN", "127.0.0.1:8090");
    let known = reader
        .path("DETECTOR_UNSAFE_FILES")
        .map(|path| known(reader, &path));
    DetectorSettings {
        listen,
        known: Arc::new(known.unwrap_or_default()),
    }
}

/// Read with the settings, so that a mistake in the file is told with all others.
fn known(reader: &mut Reader<'_>, path: &Path) -> KnownFiles {
    let known = std::fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| KnownFiles::parse(&text).map_err(|error| error.to_string()));
    known.unwrap_or_else(|error| {
        let rule = format!("cannot be used: {}: {error}", path.display());
        reader.wrong("DETECTOR_UNSAFE_FILES", rule);
        KnownFiles::default()
    })
}
