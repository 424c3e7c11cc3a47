//! The inspector, another component.

use bindings::sluicegate::edge::inspector::{Inspection, Refusal, inspect as ask};
use sluicegate_policy::admission::Seen;

mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "uploading" });
}

/// What the first bytes of a file of `total` bytes are.
pub(crate) fn inspect(head: &[u8], total: u64) -> Seen {
    match ask(head, total) {
        Inspection::NeedMore => Seen::NeedMore,
        Inspection::Refused(Refusal::Unsupported) => Seen::Unsupported,
        Inspection::Refused(Refusal::Broken) => Seen::Broken,
        Inspection::Picture(picture) => Seen::Picture {
            width: picture.width,
            height: picture.height,
            animated: picture.animated,
        },
    }
}
