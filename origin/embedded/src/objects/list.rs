//! Listing a bucket: a page at a time, in the order of keys, in memory that a page bounds.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectsV2Input, ListObjectsV2Output, Object, Timestamp,
};
use s3s::{S3Result, s3_error};

use super::attributes::open;
use super::names::file_name;
use super::read::etag;
use super::store::{Store, blocking, internal, keys};

const PAGE: i32 = 1_000;

pub(super) async fn list(
    store: &Store,
    input: ListObjectsV2Input,
) -> S3Result<ListObjectsV2Output> {
    let folder = store.bucket(&input.bucket)?;
    blocking(move || page(&folder, input)).await
}

/// A key, or all keys that share what stands before the delimiter.
fn rolled_up<'a>(key: &'a str, prefix: &str, delimiter: Option<&str>) -> &'a str {
    let rest = key.get(prefix.len()..).unwrap_or_default();
    let end = delimiter
        .filter(|delimiter| !delimiter.is_empty())
        .and_then(|delimiter| {
            rest.find(delimiter)
                .map(|at| prefix.len() + at + delimiter.len())
        });
    end.and_then(|end| key.get(..end)).unwrap_or(key)
}

fn page(folder: &Path, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    let limit = input.max_keys.unwrap_or(PAGE).clamp(0, PAGE);
    let size = usize::try_from(limit).unwrap_or_default();
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = input.delimiter.as_deref();
    let after = input
        .continuation_token
        .as_deref()
        .map(parse_token)
        .transpose()?;
    let mut entries = BTreeSet::new();
    for key in keys(folder).map_err(internal)? {
        if !key.starts_with(&prefix) || input.start_after.as_ref().is_some_and(|from| key <= *from)
        {
            continue;
        }
        let entry = rolled_up(&key, &prefix, delimiter);
        if after.as_deref().is_none_or(|after| entry > after) && !entries.contains(entry) {
            entries.insert(entry.to_owned());
            if entries.len() > size + 1 {
                entries.pop_last();
            }
        }
    }
    let more = entries.len() > size;
    if more {
        entries.pop_last();
    }
    let next = entries.last().filter(|_| more).map(hex::encode);
    let encode = input
        .encoding_type
        .as_ref()
        .is_some_and(|of| of.as_str() == EncodingType::URL);
    let (contents, prefixes) = describe(folder, &entries, delimiter, prefix.len(), encode)?;
    Ok(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: input.prefix,
        max_keys: Some(limit),
        key_count: i32::try_from(contents.len() + prefixes.len()).ok(),
        continuation_token: input.continuation_token,
        is_truncated: Some(more),
        next_continuation_token: next,
        contents: Some(contents),
        common_prefixes: Some(prefixes),
        delimiter: input.delimiter,
        encoding_type: input.encoding_type,
        start_after: input.start_after,
        ..ListObjectsV2Output::default()
    })
}

fn describe(
    folder: &Path,
    entries: &BTreeSet<String>,
    delimiter: Option<&str>,
    prefix_bytes: usize,
    encode: bool,
) -> S3Result<(Vec<Object>, Vec<CommonPrefix>)> {
    let written = |text: &str| {
        if encode {
            utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
        } else {
            text.to_owned()
        }
    };
    let mut contents = Vec::new();
    let mut prefixes = Vec::new();
    for entry in entries {
        let rolled = delimiter.is_some_and(|delimiter| {
            !delimiter.is_empty()
                && entry
                    .get(prefix_bytes..)
                    .is_some_and(|rest| rest.ends_with(delimiter))
        });
        if rolled {
            prefixes.push(CommonPrefix {
                prefix: Some(written(entry)),
            });
            continue;
        }
        // One that was deleted meanwhile is not there any more.
        let Ok(opened) = File::open(folder.join(file_name(entry)?)).and_then(open) else {
            continue;
        };
        contents.push(Object {
            e_tag: Some(etag(&opened.attributes)),
            key: Some(written(entry)),
            last_modified: Some(Timestamp::from(opened.modified)),
            size: i64::try_from(opened.attributes.length).ok(),
            ..Object::default()
        });
    }
    Ok((contents, prefixes))
}

fn parse_token(token: &str) -> S3Result<String> {
    hex::decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "the continuation token is not one of ours"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_rolled_up_at_the_first_delimiter_after_the_prefix() {
        assert_eq!(rolled_up("a/b/c", "", Some("/")), "a/");
        assert_eq!(rolled_up("a/b/c", "a/", Some("/")), "a/b/");
        assert_eq!(rolled_up("a/b", "a/", Some("/")), "a/b");
        assert_eq!(rolled_up("a/b", "", None), "a/b");
    }
}
