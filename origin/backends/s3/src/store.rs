use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream as SdkStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, Object};
use bytes::Bytes;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{
    ByteStream, ListPage, ListedObject, ObjectInfo, ObjectStore, PresignedGet, PresignedPut,
    PutGrant, PutOptions, Reach,
};

use crate::client::{client, http_client};
use crate::errors::{SERVICE, is_absent, port_error, status};
use crate::{Settings, presign, stream};

/// The most that `read_start` reads.
const START_BYTES: u64 = 1024 * 1024;
/// The most that `list` gives.
const LIST_KEYS: u32 = 1_000;
/// The region that must not be named when a bucket is made.
const DEFAULT_REGION: &str = "us-east-1";

/// Objects in one bucket of an S3-compatible service. Cheap to make: connects when first used.
#[derive(Debug, Clone)]
pub struct S3ObjectStore {
    pub(crate) bucket: String,
    region: String,
    pub(crate) client: Client,
    /// These two only sign.
    edge: Client,
    public: Option<Client>,
}

impl S3ObjectStore {
    /// A store with these settings.
    pub fn new(settings: &Settings) -> Self {
        let http = http_client(settings);
        let reach = |endpoint: &str| client(settings, endpoint, &http);
        Self {
            bucket: settings.bucket.clone(),
            region: settings.region.clone(),
            client: reach(&settings.endpoint),
            edge: reach(&settings.edge_endpoint),
            public: settings.public_endpoint.as_deref().map(reach),
        }
    }

    fn signer(&self, reach: Reach) -> Result<&Client, PortError> {
        match reach {
            Reach::Edge => Ok(&self.edge),
            Reach::Public => self.public.as_ref().ok_or_else(|| {
                PortError::failed(
                    SERVICE,
                    "clients cannot reach it: no public endpoint is set",
                )
            }),
        }
    }

    /// Whether the bucket is there.
    async fn has_bucket(&self) -> Result<bool, PortError> {
        match self.client.head_bucket().bucket(&self.bucket).send().await {
            Ok(_) => Ok(true),
            Err(error) if status(&error) == Some(404) => Ok(false),
            Err(error) => Err(port_error(error)),
        }
    }

    /// Makes the bucket if it is not there; answers whether it was made.
    pub(crate) async fn make_bucket(&self) -> Result<bool, PortError> {
        if self.has_bucket().await? {
            return Ok(false);
        }
        let place = (self.region != DEFAULT_REGION).then(|| {
            let region = BucketLocationConstraint::from(self.region.as_str());
            CreateBucketConfiguration::builder()
                .location_constraint(region)
                .build()
        });
        let request = self.client.create_bucket().bucket(&self.bucket);
        match request.set_create_bucket_configuration(place).send().await {
            Ok(_) => Ok(true),
            // Another replica was faster.
            Err(error) if is_ours_already(error.code()) => Ok(false),
            Err(error) => Err(port_error(error)),
        }
    }
}

#[async_trait]
impl ObjectStore for S3ObjectStore {
    async fn presign_put(
        &self,
        grant: &PutGrant<'_>,
        now: Timestamp,
    ) -> Result<PresignedPut, PortError> {
        presign::put(self.signer(grant.reach)?, &self.bucket, grant, now).await
    }

    async fn presign_get(
        &self,
        key: &str,
        lifetime: Duration,
        reach: Reach,
        now: Timestamp,
    ) -> Result<PresignedGet, PortError> {
        presign::get(self.signer(reach)?, &self.bucket, key, lifetime, now).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, PortError> {
        match self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
        {
            Ok(head) => info(head.e_tag(), head.content_length()).map(Some),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(port_error(error)),
        }
    }

    async fn read_start(
        &self,
        key: &str,
        length: u64,
        etag: &str,
    ) -> Result<Option<Bytes>, PortError> {
        let length = length.clamp(1, START_BYTES);
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .if_match(etag);
        match request
            .range(format!("bytes=0-{}", length - 1))
            .send()
            .await
        {
            Ok(got) => {
                let limit = usize::try_from(length).unwrap_or(usize::MAX);
                stream::start(got.body, limit).await.map(Some)
            }
            Err(error) if is_absent(&error) => Ok(None),
            // Nothing of an empty object is in any range; which object it was is not said.
            Err(error) if status(&error) == Some(416) => {
                let is_it = self.head(key).await?.is_some_and(|info| info.etag == etag);
                Ok(is_it.then(Bytes::new))
            }
            Err(error) => Err(port_error(error)),
        }
    }

    async fn read(&self, key: &str, etag: Option<&str>) -> Result<Option<ByteStream>, PortError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        match request.set_if_match(etag.map(str::to_owned)).send().await {
            Ok(got) => Ok(Some(stream::stream(got.body))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(port_error(error)),
        }
    }

    async fn put(
        &self,
        key: &str,
        content: Bytes,
        options: &PutOptions<'_>,
    ) -> Result<ObjectInfo, PortError> {
        let length = i64::try_from(content.len()).ok();
        let content_type = Some(options.content_type).filter(|text| !text.is_empty());
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .set_content_type(content_type.map(str::to_owned))
            .set_content_length(length)
            .body(SdkStream::from(content))
            .send()
            .await
            .map_err(port_error)?;
        info(put.e_tag(), length)
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        match self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(port_error(error)),
        }
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<ListPage, PortError> {
        let limit = i32::try_from(limit.clamp(1, LIST_KEYS)).unwrap_or(i32::MAX);
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .set_start_after(after.map(str::to_owned))
            .max_keys(limit);
        let page = request.send().await.map_err(port_error)?;
        let more = page.is_truncated().unwrap_or_default();
        let objects: Result<Vec<_>, _> = page.contents().iter().map(listed).collect();
        Ok(ListPage {
            objects: objects?,
            more,
        })
    }

    async fn ensure_bucket(&self) -> Result<(), PortError> {
        self.make_bucket().await.map(drop)
    }

    async fn ping(&self) -> Result<(), PortError> {
        if self.has_bucket().await? {
            return Ok(());
        }
        Err(PortError::failed(
            SERVICE,
            format!("there is no bucket {}", self.bucket),
        ))
    }
}

fn listed(object: &Object) -> Result<ListedObject, PortError> {
    let modified = object
        .last_modified()
        .and_then(|at| at.to_millis().ok())
        .and_then(Timestamp::from_unix_ms);
    match (object.key(), modified) {
        (Some(key), Some(modified)) => Ok(ListedObject {
            key: key.to_owned(),
            modified,
        }),
        _ => Err(PortError::failed(
            SERVICE,
            "a listed object lacks key or time",
        )),
    }
}

fn is_ours_already(code: Option<&str>) -> bool {
    code == Some("BucketAlreadyOwnedByYou")
}

fn info(etag: Option<&str>, length: Option<i64>) -> Result<ObjectInfo, PortError> {
    let missing = || PortError::failed(SERVICE, "the answer lacks entity tag or length");
    let etag = etag.ok_or_else(missing)?;
    let etag = if etag.starts_with('"') {
        etag.to_owned()
    } else {
        format!("\"{etag}\"")
    };
    let length = length
        .and_then(|length| u64::try_from(length).ok())
        .ok_or_else(missing)?;
    Ok(ObjectInfo { etag, length })
}
