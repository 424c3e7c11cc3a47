use async_trait::async_trait;
use s3s::access::{S3Access, S3AccessContext};
use s3s::{S3Result, s3_error};

/// The one pair of keys that the server knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Not secret.
    pub access_key: String,
    /// Secret.
    pub secret_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .field("secret_key", &"…")
            .finish()
    }
}

/// Lets in whoever signed with Signature Version 4. The library would also take Version 2, which
/// signs neither headers nor lengths, and forms.
pub(super) struct SignedOnly;

#[async_trait]
impl S3Access for SignedOnly {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        if cx.credentials().is_some() && is_version_4(cx) {
            return Ok(());
        }
        Err(s3_error!(
            AccessDenied,
            "requests must be signed with AWS Signature Version 4"
        ))
    }
}

fn is_version_4(cx: &S3AccessContext<'_>) -> bool {
    const ALGORITHM: &str = "AWS4-HMAC-SHA256";
    let header = cx.headers().get(hyper::header::AUTHORIZATION);
    match header.map(|value| value.to_str()) {
        Some(value) => value.is_ok_and(|value| value.starts_with(ALGORITHM)),
        None => cx.uri().query().is_some_and(|query| {
            query
                .split('&')
                .any(|pair| pair.split_once('=') == Some(("X-Amz-Algorithm", ALGORITHM)))
        }),
    }
}
