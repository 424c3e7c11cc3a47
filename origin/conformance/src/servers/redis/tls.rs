#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::fs;
use std::path::Path;

use super::super::child::Place;
use super::finish;

const NAMES: &str = "subjectAltName=DNS:localhost,IP:127.0.0.1";

/// An authority, and the certificate of a server that it signed; in the server's folder.
#[derive(Clone)]
pub(super) struct Certificates {
    authority: Vec<u8>,
    /// What the server reads, by its names.
    files: [(&'static str, String); 3],
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
        let files = [Self::AUTHORITY, "server.crt", "server.key"].map(|name| {
            let text = fs::read_to_string(place.path().join(name));
            (name, text.expect("it was written"))
        });
        let [(_, authority), _, _] = &files;
        Ok(Self {
            authority: authority.clone().into_bytes(),
            files,
        })
    }

    /// The same for a server in another folder.
    pub(super) fn copy(&self, place: &Place) -> Self {
        for (name, text) in &self.files {
            place.write(name, text);
        }
        self.clone()
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
