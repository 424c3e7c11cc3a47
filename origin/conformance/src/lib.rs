//! What every adapter of a port must do, one file a port, as functions that an adapter's own tests
//! call. Development only: nothing that is shipped depends on it.
//!
//! A suite knows the port alone, never an adapter; [`testdb`], which gives tests their databases, [`servers`],
//! which starts others, [`told`], a cache that keeps nothing, and [`notes`], which tells what ran, are no suites. Start at the file of your port.

pub mod accounts;
pub mod answers;
pub mod audit;
pub mod cache;
pub mod detector;
pub mod erasure;
pub mod fair;
pub mod flood;
pub mod jobs;
mod judges;
pub mod limiter;
pub mod notes;
pub mod objects;
pub mod posts;
mod promises;
pub mod purge;
pub mod reads;
pub mod relay;
pub mod scripted;
pub mod servers;
pub mod sessions;
pub mod stores;
pub mod sweep;
pub mod testdb;
pub mod text_model;
pub mod told;
pub mod uploads;
