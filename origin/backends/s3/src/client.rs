//! The SDK's clients, bounded in time.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use crate::Settings;

const CONNECT: Duration = Duration::from_secs(3);
/// From the request to the head of its answer.
const ATTEMPT: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 3;
/// All attempts and the pauses between them.
const IN_ALL: Duration = Duration::from_secs(95);

/// Plain HTTP needs no certificates, which a small image may not have.
pub(crate) fn http_client(settings: &Settings) -> SharedHttpClient {
    if settings.endpoint.starts_with("https:") {
        Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https()
    } else {
        Builder::new().build_http()
    }
}

/// A client that reaches, or presigns for, this endpoint.
///
/// Checksums are left to those who ask for them: a header that the SDK adds by itself would be signed into
/// presigned URLs, and not every service knows the newer ones. Stalls are ours to see: [`crate::stream`].
pub(crate) fn client(settings: &Settings, endpoint: &str, http: &SharedHttpClient) -> Client {
    let keys = Credentials::new(
        &settings.access_key_id,
        &settings.secret_access_key,
        None,
        None,
        "settings",
    );
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(ATTEMPT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(IN_ALL)
        .build();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .credentials_provider(keys)
        .http_client(http.clone())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}
