//! Uploads as browsers' forms send them: `multipart/form-data` (RFC 7578), read as it streams.
//!
//! The file is the one file part and the last part. So its length follows from the body's: what is left
//! after its headers, less the closing delimiter. That is known before the file has been read, which is
//! what a presigned PUT needs; whether it was true is known at the end, when the closing delimiter has been
//! seen. [`Form`] is the whole of it: push the body's bytes through, in pieces of any size.
//!
//! The line break after the closing delimiter may be missing (RFC 2046), which would leave two lengths
//! possible. It is taken to be there, as all current browsers and libraries write it, unless the part has
//! a `Content-Length` of its own, or so little follows that it is read before anybody must be told.

mod boundary;
mod form;
mod opening;
mod part;

#[cfg(test)]
mod tests;

use sluicegate_contract::limits;
use sluicegate_contract::problem::ProblemType;

use crate::refusal::Refusal;

pub use boundary::Boundary;
pub use form::{Form, READ_AHEAD};

/// Why a form is no upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The content type names no boundary, or one that the standard does not allow.
    #[error("The content type needs one boundary of 1 to 70 characters (RFC 2046).")]
    Boundary,
    /// A part's delimiter or headers cannot be read.
    #[error("The form cannot be read: {0}")]
    Malformed(&'static str),
    /// More than [`limits::FORM_FIELDS`] or [`limits::FORM_OPENING`].
    #[error(
        "Before the file may come {} fields and {} bytes.",
        limits::FORM_FIELDS,
        limits::FORM_OPENING
    )]
    TooMuchBefore,
    /// The field `purpose` is none of those there are, or is there twice.
    #[error("The field purpose must be there once at most, and name one of the purposes.")]
    Purpose,
    /// The form ended, or the body did, and there was no part with a file name.
    #[error("The form has no file: a part whose Content-Disposition has a filename.")]
    NoFile,
    /// Another part, or the form's end, came before the length said so.
    #[error("The file must be the only one, and the last part of the form.")]
    NotLast,
    /// The body does not end with the closing delimiter, right behind the file.
    #[error("The form must end right after the file, with its closing delimiter and a line break.")]
    Ending,
    /// The part's own length is not what is left for it.
    #[error("The Content-Length of the file's part does not fit the length of the body.")]
    PartLength,
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Self {
        Self::new(ProblemType::InvalidRequest, &error.to_string())
    }
}
