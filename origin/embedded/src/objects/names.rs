//! Keys as file names.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use s3s::{S3Result, s3_error};

/// Longer names do not fit every file system.
const NAME_BYTES: usize = 200;
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// What is not an object begins so; no encoded key does.
pub(super) const HIDDEN: char = '.';

/// The file name of a key. No two keys share one, save where the file system ignores case.
pub(super) fn file_name(key: &str) -> S3Result<String> {
    let mut name = utf8_percent_encode(key, ENCODED).to_string();
    if name.starts_with(HIDDEN) {
        name.replace_range(..1, "%2E");
    }
    if name.is_empty() || name.len() > NAME_BYTES {
        return Err(s3_error!(
            KeyTooLongError,
            "keys are at most {NAME_BYTES} bytes here"
        ));
    }
    Ok(name)
}

/// The key of a file, if it is an object.
pub(super) fn key(file_name: &str) -> Option<String> {
    if file_name.starts_with(HIDDEN) {
        return None;
    }
    percent_decode_str(file_name)
        .decode_utf8()
        .ok()
        .map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_and_stay_in_the_folder() {
        for text in [
            "a",
            "media/a.webp",
            "../x",
            ".",
            "..",
            ".hidden",
            "ü/é",
            "a%2Fb",
            "q",
            "q/r",
        ] {
            let name = file_name(text).expect("fits");
            assert!(!name.contains('/') && !name.starts_with('.'), "{name}");
            assert_eq!(key(&name).as_deref(), Some(text));
        }
        assert!(file_name(&"ü".repeat(40)).is_err());
        assert_eq!(key(".tmp-1"), None);
    }
}
