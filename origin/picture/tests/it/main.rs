//! The maker with a real child, on real and on hostile files.

mod failures;
mod hostile;
mod lockdown;
mod orientation;
mod renditions;
mod support;
