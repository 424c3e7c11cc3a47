//! What every adapter of a port must do, one file a port, as functions that an adapter's own tests
//! call. Development only: nothing that is shipped depends on it.
//!
//! A suite knows the port alone, never an adapter; [`testdb`], which gives tests their databases, is no suite. Start at the file of your port.

pub mod detector;
mod judges;
pub mod objects;
pub mod scripted;
pub mod testdb;
pub mod text_model;
