use std::io::Read;

use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, MetadataDirective, Timestamp,
};
use s3s::{S3Result, s3_error};

use super::attributes::{Headers, Opened};
use super::read::{check, etag};
use super::store::{Existing, Store, Temporary, blocking, internal};

pub(super) async fn copy(store: &Store, input: CopyObjectInput) -> S3Result<CopyObjectOutput> {
    let CopySource::Bucket {
        bucket,
        key,
        version_id: None,
    } = &input.copy_source
    else {
        return Err(s3_error!(
            NotImplemented,
            "only objects in buckets can be copied"
        ));
    };
    let source = store.read(bucket, key).await?;
    check(
        &source.attributes,
        input.copy_source_if_match.as_ref(),
        None,
    )?;
    if input.copy_source_if_none_match.is_some() {
        return Err(s3_error!(
            NotImplemented,
            "x-amz-copy-source-if-none-match is not supported"
        ));
    }
    let folder = store.bucket(&input.bucket)?;
    blocking(move || write(source, &folder, input)).await
}

fn write(
    source: Opened,
    folder: &std::path::Path,
    input: CopyObjectInput,
) -> S3Result<CopyObjectOutput> {
    let mut attributes = source.attributes;
    let replace = input
        .metadata_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    if replace {
        attributes.headers = Headers {
            content_type: input.content_type,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding,
            content_language: input.content_language,
            cache_control: input.cache_control,
            metadata: input.metadata.unwrap_or_default().into_iter().collect(),
        };
    }
    let (temporary, mut file) = Temporary::create(folder)?;
    std::io::copy(&mut source.file.take(attributes.length), &mut file).map_err(internal)?;
    temporary.publish(file, &input.key, &attributes, Existing::Replace)?;
    Ok(CopyObjectOutput {
        copy_object_result: Some(CopyObjectResult {
            e_tag: Some(etag(&attributes)),
            last_modified: Some(Timestamp::from(source.modified)),
            ..CopyObjectResult::default()
        }),
        ..CopyObjectOutput::default()
    })
}
