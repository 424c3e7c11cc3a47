//! An S3 server on a folder: what stands in for a real object store where none is configured.
//!
//! Protocol and signatures are the crate `s3s`'s; how objects lie on the disk is ours. Done: buckets
//! (create, head), objects (put, get with ranges and conditions, head, delete, copy) and listing. Not done:
//! multipart uploads, versions, policies; they answer 501. Only AWS Signature Version 4 is accepted.
//!
//! A bucket is one flat folder, an object one file in it: its bytes, then its attributes ([`attributes`]).
//! So one rename publishes both, and a reader sees the old or the new object, never a part.
//! Start at [`serve`] for the connections, at [`operations`] for what S3 asks.

mod access;
mod attributes;
mod body;
mod copy;
mod cors;
mod list;
mod names;
mod operations;
mod options;
mod patient;
mod read;
mod receive;
mod server;
mod store;

pub use access::Credentials;
pub use options::{ServerLimits, ServerOptions};
pub use server::{ServeError, serve};
