//! The services for real: processes, sockets, files.

mod guard;
mod objects;
mod objects_limits;
mod postgres;
mod services;
mod waiting;
