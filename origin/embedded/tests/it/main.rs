//! The services for real: processes, sockets, files.

mod objects;
mod postgres;
mod services;
mod waiting;
