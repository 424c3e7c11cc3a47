//! Makes pictures from untrusted files: decodes, turns, resizes and encodes them, in a child process
//! that locked itself down before it read the first byte.
//!
//! Both sides live here. [`ChildPictureMaker`] is the parent's: it implements the port
//! `sluicegate_core::ports::PictureMaker`. [`child_main`] is the child's: the program that is named to
//! the maker calls it before it starts any runtime or thread. The child reaches neither network nor
//! files and gets bounded memory and CPU time; a bug in a decoder ends that child and nothing else. The
//! parent believes a child's answer only after a look at it.
//!
//! All colours become sRGB (`colour.rs` says what of a file is believed), and all metadata is dropped.
//!
//! Not its job: storing anything, deciding what is moderated. Start at [`ChildPictureMaker`] and
//! `child.rs`; what is done to a picture stands in `render.rs`.

#![deny(missing_docs)]

mod child;
mod colour;
mod decode;
mod jpeg_end;
mod lockdown;
mod maker;
mod outcome;
mod plan;
mod png_cicp;
mod process;
mod protocol;
mod raster;
mod render;

pub use child::{CHILD_COMMAND, child_main};
pub use lockdown::{Caps, LockDownError, lock_down};
pub use maker::{ChildLimits, ChildPictureMaker};
