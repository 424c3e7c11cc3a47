//! Detectors of pictures.

mod http;
mod none;

pub use http::HttpDetector;
pub use none::NoDetector;
