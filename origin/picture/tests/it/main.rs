//! The maker with a real child, on real and on hostile files.

mod bombs;
mod colours;
mod failures;
mod hostile;
mod lockdown;
mod orientation;
mod png;
mod privacy;
mod renditions;
mod support;
