use proptest::collection::vec;
use proptest::prelude::*;
use sluicegate_sniff::{HEAD, Inspection, inspect};

use crate::samples::{PICTURES, read};

/// Files that start as a picture does, so that more than the signature is reached.
fn files() -> impl Strategy<Value = Vec<u8>> {
    let starts: Vec<Vec<u8>> = vec![
        vec![],
        vec![0xff, 0xd8, 0xff],
        vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff],
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(),
        b"RIFF\x40\0\0\0WEBP".to_vec(),
        b"RIFF\x40\0\0\0WEBPVP8 \x20\0\0\0".to_vec(),
        b"RIFF\x40\0\0\0WEBPVP8L\x20\0\0\0\x2f".to_vec(),
        b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0".to_vec(),
    ];
    (proptest::sample::select(starts), vec(any::<u8>(), 0..200))
        .prop_map(|(start, rest)| [start, rest].concat())
}

/// Real pictures with a few bytes changed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let names: Vec<&str> = PICTURES.iter().map(|(name, ..)| *name).collect();
    (
        proptest::sample::select(names),
        vec((0_usize..700, any::<u8>()), 0..4),
    )
        .prop_map(|(name, changes)| {
            let mut bytes = read(name);
            for (at, value) in changes {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes
        })
}

fn is_steady(bytes: &[u8], total: u64, cut: usize) -> Result<(), TestCaseError> {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let answer = inspect(head, total);
    let prefix = head.get(..cut.min(head.len())).unwrap_or(head);
    let early = inspect(prefix, total);
    prop_assert!(
        early == Inspection::NeedMore || early == answer,
        "{early:?} then {answer:?}"
    );
    if head.len() as u64 >= total.min(HEAD as u64) {
        prop_assert_ne!(answer, Inspection::NeedMore);
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_with_any_length_are_answered(head in files(), total in any::<u64>()) {
        let _ = inspect(&head, total);
    }

    #[test]
    fn a_prefix_waits_or_agrees(bytes in files(), more in 0_u64..300, cut in 0_usize..220) {
        is_steady(&bytes, bytes.len() as u64 + more, cut)?;
        is_steady(&bytes, (bytes.len() as u64).saturating_sub(more), cut)?;
    }

    #[test]
    fn a_prefix_of_a_damaged_picture_waits_or_agrees(bytes in damaged(), cut in 0_usize..70_000) {
        is_steady(&bytes, bytes.len() as u64, cut)?;
    }

    #[test]
    fn a_truncated_picture_is_answered(bytes in damaged(), cut in 0_usize..70_000) {
        let bytes = bytes.get(..cut).unwrap_or(&bytes);
        is_steady(bytes, bytes.len() as u64, cut / 2)?;
    }
}
