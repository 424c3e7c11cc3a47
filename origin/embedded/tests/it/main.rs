//! The services for real: processes, sockets, files.

mod postgres;
