//! The few parts of an absolute HTTP address that a request needs.

/// Not an absolute `http` or `https` address without user info and fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an absolute http or https address")]
pub struct InvalidUrl;

/// An address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl {
    /// `https` rather than `http`.
    pub secure: bool,
    /// Host and port.
    pub authority: String,
    /// Begins with `/`; query included.
    pub path_and_query: String,
}

impl HttpUrl {
    /// Takes an absolute address apart.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let (secure, rest) = if let Some(rest) = text.strip_prefix("http://") {
            (false, rest)
        } else if let Some(rest) = text.strip_prefix("https://") {
            (true, rest)
        } else {
            return Err(InvalidUrl);
        };
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let host_ok = !authority.is_empty()
            && authority
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~:[]".contains(&b));
        if !host_ok || !path.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
            return Err(InvalidUrl);
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let path_and_query = format!("{slash}{path}");
        Ok(Self {
            secure,
            authority: authority.to_owned(),
            path_and_query,
        })
    }

    /// The address of `target` (beginning with `/`) below this base; the base's query is dropped.
    #[must_use]
    pub fn join(&self, target: &str) -> Self {
        let base = self.path_and_query.split('?').next().unwrap_or_default();
        let path_and_query = format!("{}{target}", base.trim_end_matches('/'));
        Self {
            path_and_query,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let url =
            HttpUrl::parse("http://127.0.0.1:9000/b/k?X-Amz-Signature=a%2Fb").expect("parses");
        assert_eq!(
            (url.secure, url.authority.as_str()),
            (false, "127.0.0.1:9000")
        );
        assert_eq!(url.path_and_query, "/b/k?X-Amz-Signature=a%2Fb");
        let url = HttpUrl::parse("https://[::1]:8443?x=1").expect("parses");
        assert_eq!((url.secure, url.path_and_query.as_str()), (true, "/?x=1"));
        let bad = [
            "",
            "ftp://x/",
            "http://",
            "http:///x",
            "http://a@b/",
            "http://a/ b",
            "http://a/#b",
            "//a",
        ];
        for text in bad {
            assert_eq!(HttpUrl::parse(text), Err(InvalidUrl), "{text}");
        }
    }

    #[test]
    fn targets_are_joined_below_the_base() {
        let plain = HttpUrl::parse("http://origin:8080").expect("parses");
        assert_eq!(plain.join("/v1/me?x=1").path_and_query, "/v1/me?x=1");
        let below = HttpUrl::parse("http://origin:8080/base/").expect("parses");
        assert_eq!(below.join("/v1/me").path_and_query, "/base/v1/me");
    }
}
