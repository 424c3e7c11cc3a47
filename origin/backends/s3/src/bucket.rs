//! The bucket itself: the rule that empties `staging/` where nobody sweeps, and that nobody reads without keys.
//!
//! Not every store knows either. What it does not know is told as such: there the sweep, and the store's refusal of
//! requests that nobody signed, are all there is.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus,
    LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, PublicAccessBlockConfiguration,
};
use sluicegate_core::error::PortError;

use crate::S3ObjectStore;
use crate::errors::{SERVICE, port_error, status};
use crate::policy::lets_anybody;

/// The name of our rule; others in the bucket are left as they are.
const RULE: &str = "sluicegate-staging";
/// We store objects whole: parts are of somebody's who went away.
const PARTS_DAYS: i32 = 1;

/// What a bucket is to do with objects that are on their way.
#[derive(Debug, Clone, Copy)]
pub struct StagingRule {
    /// How their keys begin.
    pub prefix: &'static str,
    /// They are deleted when they are so many days old, 1 or more.
    pub days: u16,
}

/// How something about a bucket stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// As it should be.
    Right,
    /// As it should not be; what is there instead.
    Wrong(String),
    /// The store knows no such thing.
    Unsupported,
    /// It was not told: not allowed, or no answer. Why.
    Unknown(String),
}

/// A bucket as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketState {
    /// The rule for what is on its way.
    pub staging: Standing,
    /// That its policy lets nobody in without keys.
    pub policy: Standing,
    /// That the store overrules any policy that would (Amazon's "block public access").
    pub block: Standing,
}

/// What [`S3ObjectStore::set_up_bucket`] changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketChanges {
    /// The bucket was made.
    pub made: bool,
    /// The rule was written.
    pub staging: bool,
    /// A policy that let anybody in was deleted; this is what it said.
    pub policy: Option<String>,
    /// The block of public access was switched on.
    pub block: bool,
}

impl S3ObjectStore {
    /// Looks, and changes nothing. Never fails: what is not told is [`Standing::Unknown`].
    pub async fn inspect_bucket(&self, rule: StagingRule) -> BucketState {
        let (staging, policy, block) = tokio::join!(self.rules(), self.policy(), self.block());
        BucketState {
            staging: staging.map_or_else(
                |failed| told(&failed),
                |rules| {
                    let found = rules.iter().find(|found| found.id() == Some(RULE));
                    match found {
                        None => Standing::Wrong(format!("no rule expires {}", rule.prefix)),
                        Some(found) if fits(found, rule) => Standing::Right,
                        Some(_) => Standing::Wrong(format!("the rule {RULE} is another one")),
                    }
                },
            ),
            policy: policy.map_or_else(
                |failed| told(&failed),
                |policy| match policy {
                    Some(policy) if lets_anybody(&policy) => {
                        Standing::Wrong(format!("its policy lets anybody in: {policy}"))
                    }
                    _ => Standing::Right,
                },
            ),
            block: block.map_or_else(
                |failed| told(&failed),
                |on| {
                    if on {
                        Standing::Right
                    } else {
                        Standing::Wrong("public access is not blocked".to_owned())
                    }
                },
            ),
        }
    }

    /// Makes the bucket and sets it up, as far as the store knows how. Idempotent: where all is right it writes
    /// nothing. Rules of others stay; a policy that lets anybody in is deleted.
    ///
    /// # Errors
    /// The store is down, or does not let us change what it knows.
    pub async fn set_up_bucket(&self, rule: StagingRule) -> Result<BucketChanges, PortError> {
        let mut changes = BucketChanges {
            made: self.make_bucket().await?,
            ..BucketChanges::default()
        };
        if let Some(rules) = known(self.rules().await)?
            && !rules.iter().any(|found| fits(found, rule))
        {
            self.write_rules(rules, rule).await?;
            changes.staging = true;
        }
        let blocked = self.block_public_access().await;
        // After all else, since what it said is lost to its owner where anything fails later; and whatever came of that.
        if let Some(Some(policy)) = known(self.policy().await)?
            && lets_anybody(&policy)
        {
            let delete = self.client.delete_bucket_policy().bucket(&self.bucket);
            delete.send().await.map_err(port_error)?;
            changes.policy = Some(policy);
        }
        changes.block = blocked.map_err(|error| match &changes.policy {
            None => error,
            Some(policy) => PortError::failed(
                SERVICE,
                format!("{error}; a policy that let anybody in was deleted: {policy}"),
            ),
        })?;
        Ok(changes)
    }

    /// Switches it on where there is a switch that is off.
    async fn block_public_access(&self) -> Result<bool, PortError> {
        if known(self.block().await)? == Some(false) {
            let all = PublicAccessBlockConfiguration::builder()
                .block_public_acls(true)
                .ignore_public_acls(true)
                .block_public_policy(true)
                .restrict_public_buckets(true)
                .build();
            let put = self.client.put_public_access_block();
            let put = put
                .bucket(&self.bucket)
                .public_access_block_configuration(all);
            put.send().await.map_err(port_error)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// All rules of its lifecycle, ours and others'.
    async fn rules(&self) -> Result<Vec<LifecycleRule>, Failed> {
        let get = self.client.get_bucket_lifecycle_configuration();
        match get.bucket(&self.bucket).send().await {
            Ok(found) => Ok(found.rules().to_vec()),
            Err(error) if is(&error, "NoSuchLifecycleConfiguration") => Ok(Vec::new()),
            Err(error) => Err(Failed::of(error)),
        }
    }

    /// Ours is written, those of others stay.
    async fn write_rules(
        &self,
        mut rules: Vec<LifecycleRule>,
        rule: StagingRule,
    ) -> Result<(), PortError> {
        rules.retain(|other| other.id() != Some(RULE));
        rules.push(made(rule)?);
        let all = BucketLifecycleConfiguration::builder()
            .set_rules(Some(rules))
            .build()
            .map_err(|error| PortError::failed(SERVICE, error))?;
        let put = self.client.put_bucket_lifecycle_configuration();
        let put = put.bucket(&self.bucket).lifecycle_configuration(all);
        put.send().await.map(drop).map_err(port_error)
    }

    async fn policy(&self) -> Result<Option<String>, Failed> {
        let get = self.client.get_bucket_policy().bucket(&self.bucket);
        match get.send().await {
            Ok(found) => Ok(found.policy().map(str::to_owned)),
            Err(error) if is(&error, "NoSuchBucketPolicy") => Ok(None),
            Err(error) => Err(Failed::of(error)),
        }
    }

    async fn block(&self) -> Result<bool, Failed> {
        let get = self.client.get_public_access_block();
        match get.bucket(&self.bucket).send().await {
            Ok(found) => Ok(found
                .public_access_block_configuration()
                .is_some_and(blocks_all)),
            Err(error) if is(&error, "NoSuchPublicAccessBlockConfiguration") => Ok(false),
            Err(error) => Err(Failed::of(error)),
        }
    }
}

fn made(rule: StagingRule) -> Result<LifecycleRule, PortError> {
    let filter = LifecycleRuleFilter::builder().prefix(rule.prefix).build();
    let expiration = LifecycleExpiration::builder()
        .days(rule.days.into())
        .build();
    let parts = AbortIncompleteMultipartUpload::builder()
        .days_after_initiation(PARTS_DAYS)
        .build();
    LifecycleRule::builder()
        .id(RULE)
        .status(ExpirationStatus::Enabled)
        .filter(filter)
        .expiration(expiration)
        .abort_incomplete_multipart_upload(parts)
        .build()
        .map_err(|error| PortError::failed(SERVICE, error))
}

/// That parts are deleted is not compared: `MinIO` does that by itself, and forgets that it was told.
fn fits(found: &LifecycleRule, rule: StagingRule) -> bool {
    let prefix = found.filter().and_then(LifecycleRuleFilter::prefix);
    let days = found.expiration().and_then(LifecycleExpiration::days);
    found.id() == Some(RULE)
        && *found.status() == ExpirationStatus::Enabled
        && prefix == Some(rule.prefix)
        && days == Some(rule.days.into())
}

fn blocks_all(block: &PublicAccessBlockConfiguration) -> bool {
    [
        block.block_public_acls(),
        block.ignore_public_acls(),
        block.block_public_policy(),
        block.restrict_public_buckets(),
    ]
    .iter()
    .all(|on| *on == Some(true))
}

/// What the store said instead of an answer.
struct Failed {
    is_unsupported: bool,
    error: PortError,
}

impl Failed {
    fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        Self {
            is_unsupported: matches!(status(&error), Some(405 | 501)),
            error: port_error(error),
        }
    }
}

/// `None` where the store knows no such thing.
fn known<T>(answer: Result<T, Failed>) -> Result<Option<T>, PortError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(failed) if failed.is_unsupported => Ok(None),
        Err(failed) => Err(failed.error),
    }
}

fn told(failed: &Failed) -> Standing {
    if failed.is_unsupported {
        Standing::Unsupported
    } else {
        Standing::Unknown(failed.error.to_string())
    }
}

fn is<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>, code: &str) -> bool {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        == Some(code)
}
