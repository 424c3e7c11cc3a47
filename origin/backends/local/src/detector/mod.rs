//! Detectors of pictures.

mod http;
mod none;

pub use http::{DetectorStandings, HttpDetector};
pub use none::NoDetector;
