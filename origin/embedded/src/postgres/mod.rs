//! A private Postgres: an installed one, started on a folder of ours and reached through a socket
//! in it. It never listens on TCP.

mod binaries;
mod cluster;
mod handshake;
mod launch;
mod options;
mod throw_away;

pub use binaries::{BinarySearch, find_binaries};
pub use handshake::{Handshake, handshake};
pub use launch::Postgres;
pub use options::{Durability, Options, PostgresError, USER};
pub use throw_away::throw_away;
