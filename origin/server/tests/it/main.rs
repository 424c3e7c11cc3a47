//! The origin's program as others see it.

mod doctor;
mod drain;
mod settings;
mod two_origins;
