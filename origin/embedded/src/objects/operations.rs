//! The operations of S3 that we know; the library answers 501 to all others.

use async_trait::async_trait;
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CreateBucketInput, CreateBucketOutput, DeleteObjectInput,
    DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag,
    ETagCondition, GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput,
    HeadObjectInput, HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output, PutObjectInput,
    PutObjectOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::attributes::{Attributes, Headers};
use super::receive::{Promise, receive};
use super::store::{Existing, Store, Temporary, blocking, exists};
use super::{copy, list, read};

/// How many objects one request may delete: S3's own limit.
const DELETE_AT_ONCE: usize = 1_000;

pub(super) struct Operations {
    pub(super) store: Store,
}

#[async_trait]
impl S3 for Operations {
    async fn create_bucket(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let name = req.input.bucket;
        if !self.store.create_bucket(&name)? {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        let location = Some(format!("/{name}"));
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.store.bucket(&req.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        put(&self.store, req).await.map(S3Response::new)
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        read::get(&self.store, req.input).await.map(S3Response::new)
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        read::head(&self.store, req.input)
            .await
            .map(S3Response::new)
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        if req.input.if_match.is_some() {
            return Err(s3_error!(
                NotImplemented,
                "deletes cannot have conditions here"
            ));
        }
        self.store.delete(&req.input.bucket, &req.input.key).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = req.input;
        if delete.objects.len() > DELETE_AT_ONCE {
            return Err(s3_error!(
                MalformedXML,
                "at most {DELETE_AT_ONCE} objects at once"
            ));
        }
        let mut deleted = Vec::new();
        for object in delete.objects {
            self.store.delete(&bucket, &object.key).await?;
            deleted.push(DeletedObject {
                key: Some(object.key),
                ..DeletedObject::default()
            });
        }
        let deleted = (!delete.quiet.unwrap_or_default()).then_some(deleted);
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted,
            ..DeleteObjectsOutput::default()
        }))
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        copy::copy(&self.store, req.input)
            .await
            .map(S3Response::new)
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        list::list(&self.store, req.input)
            .await
            .map(S3Response::new)
    }
}

async fn put(store: &Store, req: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
    let S3Request {
        mut input,
        headers,
        trailing_headers,
        ..
    } = req;
    let existing = match (&input.if_match, &input.if_none_match) {
        (None, None) => Existing::Replace,
        (None, Some(ETagCondition::Any)) => Existing::Keep,
        _ => {
            return Err(s3_error!(
                NotImplemented,
                "only If-None-Match: * is known for a PUT"
            ));
        }
    };
    let folder = store.bucket(&input.bucket)?;
    if existing == Existing::Keep && store.object(&input.bucket, &input.key)?.exists() {
        return Err(exists());
    }
    let promise = Promise::of(&input, &headers)?;
    let (temporary, file) = Temporary::create(&folder)?;
    let mut file = tokio::fs::File::from_std(file);
    let body = input.body.take();
    let received = receive(body, &promise, trailing_headers.as_ref(), &mut file).await?;
    let attributes = Attributes {
        length: received.length,
        etag: received.etag,
        sha256: received.checksums.checksum_sha256.clone(),
        headers: Headers {
            content_type: input.content_type,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding,
            content_language: input.content_language,
            cache_control: input.cache_control,
            metadata: input.metadata.unwrap_or_default().into_iter().collect(),
        },
    };
    let file = file.into_std().await;
    let etag = ETag::Strong(attributes.etag.clone());
    blocking(move || temporary.publish(file, &input.key, &attributes, existing)).await?;
    let checksums = received.checksums;
    Ok(PutObjectOutput {
        e_tag: Some(etag),
        checksum_crc32: checksums.checksum_crc32,
        checksum_crc32c: checksums.checksum_crc32c,
        checksum_crc64nvme: checksums.checksum_crc64nvme,
        checksum_sha1: checksums.checksum_sha1,
        checksum_sha256: checksums.checksum_sha256,
        ..PutObjectOutput::default()
    })
}
