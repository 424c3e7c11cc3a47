//! What the tests share.

mod call;
mod clock;
mod detector;
mod maker;
mod objects;
mod world;

pub(crate) use call::{Answer, Call, call, read};
pub(crate) use detector::Mood;
pub(crate) use world::{Person, World, fixture};
