//! The object store on any S3-compatible service.
//!
//! One adapter of [`ObjectStore`](sluicegate_core::ports::ObjectStore); it knows keys and bytes, not what
//! they are for. Start at [`S3ObjectStore`] for the calls and at [`Settings`] for what it needs to know.

#![deny(missing_docs)]

mod bucket;
mod client;
mod errors;
mod policy;
mod presign;
mod settings;
mod store;
mod stream;

pub use bucket::{BucketChanges, BucketState, StagingRule, Standing};
pub use settings::Settings;
pub use store::S3ObjectStore;
