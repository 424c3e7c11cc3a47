//! Jobs on BullMQ: a queue on Redis that Node workers, Node producers and bull-board share with us.
//!
//! A job stays a row, written with the data that it is about; Redis only says when its turn is. [`Relay`] hands ready rows
//! over, [`Workers`] lease the row of whatever Redis delivers and have it worked on, [`Reconciler`] compares what was handed over
//! with what Redis knows. So whatever Redis loses, doubles or delays is found in the rows. Any number of each may run.
//!
//! The only crate that speaks to Redis for jobs; start at [`Bull`], the queues of one server or cluster.

#![deny(missing_docs)]

mod bull;
mod deliver;
mod error;
mod foreign;
mod known;
mod line;
mod reconcile;
mod relay;
mod server;
mod settings;
mod share;
mod work;

pub use bull::Bull;
pub use error::BullError;
pub use reconcile::Reconciler;
pub use relay::Relay;
pub use server::ServerFacts;
pub use settings::BullSettings;
pub use work::Workers;
