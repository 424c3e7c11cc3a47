//! What is typed, tried out.

#![expect(clippy::expect_used, reason = "tests")]

mod deploy;
mod guard;
mod notes;
