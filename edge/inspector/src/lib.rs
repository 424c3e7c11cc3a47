//! The component `sluicegate:edge/inspector`: says what an upload is from its first bytes.
//!
//! A thin shell around `sluicegate_sniff`. It has no standard library and imports nothing, so there is
//! nothing that a crafted picture could make it reach. Start at [`Inspector`].

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

use alloc::vec::Vec;

use bindings::exports::sluicegate::edge::inspector::{
    Guest, Inspection, MediaType, Picture, Refusal,
};
use sluicegate_sniff::{Inspection as Seen, Kind, Refusal as Why, inspect};

#[cfg(target_arch = "wasm32")]
mod memory;

mod bindings {
    #![expect(
        unsafe_code,
        clippy::same_length_and_capacity,
        reason = "generated: the canonical ABI passes raw pointers"
    )]

    use super::Inspector;

    wit_bindgen::generate!({ path: "../../wit", world: "inspecting" });
    export!(Inspector);
}

struct Inspector;

impl Guest for Inspector {
    fn inspect(head: Vec<u8>, total: u64) -> Inspection {
        match inspect(&head, total) {
            Seen::NeedMore => Inspection::NeedMore,
            Seen::Refused(Why::Unsupported) => Inspection::Refused(Refusal::Unsupported),
            Seen::Refused(Why::Broken) => Inspection::Refused(Refusal::Broken),
            Seen::Picture(picture) => Inspection::Picture(Picture {
                media_type: match picture.kind {
                    Kind::Jpeg => MediaType::Jpeg,
                    Kind::Png => MediaType::Png,
                    Kind::Webp => MediaType::Webp,
                },
                width: picture.width,
                height: picture.height,
                animated: picture.animated,
            }),
        }
    }
}
