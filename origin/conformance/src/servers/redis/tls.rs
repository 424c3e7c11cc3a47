#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::fs;
use std::path::Path;

use super::super::child::Place;
use super::finish;

const NAMES: &str = "subjectAltName=DNS:localhost,IP:127.0.0.1";

/// An authority, and the certificate of a server that it signed; in the server's folder.
pub(super) struct Certificates {
    authority: Vec<u8>,
}

impl Certificates {
    /// The file in that folder.
    pub(super) const AUTHORITY: &'static str = "ca.crt";

    /// Fails, with the reason, where there is no `openssl`.
    pub(super) fn make(place: &Place) -> Result<Self, String> {
        place.write("names", NAMES);
        for line in [
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt",
            "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            finish(place, Path::new("openssl"), &words)?;
        }
        let authority = fs::read(place.path().join(Self::AUTHORITY)).expect("it was written");
        Ok(Self { authority })
    }

    pub(super) fn authority(&self) -> &[u8] {
        &self.authority
    }

    /// For a server that runs in their folder. Clients show no certificate.
    pub(super) fn arguments() -> [&'static str; 8] {
        [
            "--tls-cert-file",
            "server.crt",
            "--tls-key-file",
            "server.key",
            "--tls-ca-cert-file",
            Self::AUTHORITY,
            "--tls-auth-clients",
            "no",
        ]
    }
}
