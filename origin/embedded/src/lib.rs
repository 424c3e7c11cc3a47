//! The services that start themselves where none is configured: a private Postgres and an S3 server.
//!
//! It knows nothing of the domain, of the tables in the database or of the objects in the store; it
//! reads no environment variables and starts nothing by itself. Start at [`postgres::Postgres`] for
//! the database, at [`objects::serve`] for the S3 server, at [`services`] for both together, at [`guard`] for how the former never outlives us.

#![deny(missing_docs)]

pub mod guard;
pub mod objects;
pub mod postgres;
pub mod services;

mod account;
mod files;

pub use account::{Account, to_drop_to};
pub use files::FileError;
