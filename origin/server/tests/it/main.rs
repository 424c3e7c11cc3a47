//! The origin's program as others see it.

#![expect(clippy::expect_used, reason = "tests")]

mod doctor;
mod drain;
mod embedded;
mod jobs;
mod seeing;
mod settings;
mod two_origins;
