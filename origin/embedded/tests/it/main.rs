//! The services for real: processes, sockets, files.

mod guard;
mod objects;
mod postgres;
mod services;
mod waiting;
