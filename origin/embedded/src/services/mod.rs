//! The embedded set: one Postgres and one S3 server under a data directory, shared by all processes
//! that use that directory.
//!
//! One process owns the set: [`run`]. It holds the lock of the directory and writes [`FILE_NAME`], which
//! says where everything is. All others look there: [`read`], or [`attach_or_start`], which starts an
//! owner where there is none. Port, keys and socket stay the same from one owner to the next, so
//! whoever was attached goes on when another takes over.

mod attach;
mod directory;
mod file;
mod identity;
mod run;

pub use attach::{
    AttachError, AttachOptions, Attached, WITH_PARENT, attach_or_start, end_of_input,
};
pub use directory::{NoDataDirectory, data_directory, prepare_data_directory};
pub use file::{FILE_NAME, Services, read};
pub use run::{RunError, RunOptions, run};
