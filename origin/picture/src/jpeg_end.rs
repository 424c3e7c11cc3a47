//! Decoders paint what is missing of a JPEG grey and say nothing. Its end marker tells; it has to be
//! looked for by structure, because previews inside the metadata have end markers of their own.

/// Whether the end marker of the picture itself is there.
pub(crate) fn is_complete(file: &[u8]) -> bool {
    let Some(mut rest) = file.strip_prefix(&[0xff, 0xd8]) else {
        return false;
    };
    while let Some((code, body)) = next_marker(rest) {
        match code {
            0xd9 => return true,
            // Restarts, and starts that some cameras repeat: no length follows.
            0x01 | 0xd0..=0xd8 => rest = body,
            _ => {
                let Some(behind) = skip_segment(body) else {
                    return false;
                };
                rest = behind;
            }
        }
    }
    false
}

/// The next marker's code and what follows it. Coded data before it is passed over: in there, 0xff is
/// always followed by 0x00.
fn next_marker(mut rest: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        let at = rest.iter().position(|byte| *byte == 0xff)?;
        let (_, from) = rest.split_at_checked(at)?;
        match from {
            [0xff, 0x00, behind @ ..] => rest = behind,
            [0xff, 0xff, ..] => rest = from.get(1..)?,
            [0xff, code, behind @ ..] => return Some((*code, behind)),
            _ => return None,
        }
    }
}

fn skip_segment(body: &[u8]) -> Option<&[u8]> {
    let length = u16::from_be_bytes(*body.first_chunk()?);
    body.get(usize::from(length.max(2))..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_complete;

    const START: &[u8] = &[0xff, 0xd8];
    const PREVIEW: &[u8] = &[0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9];
    const SCAN: &[u8] = &[0xff, 0xda, 0, 3, 0, 1, 2, 0xff, 0x00, 0xff, 0xd0, 3, 4];
    const END: &[u8] = &[0xff, 0xff, 0xd9];

    #[test]
    fn an_end_after_the_scan_counts() {
        assert!(is_complete(&[START, PREVIEW, SCAN, END].concat()));
        assert!(is_complete(
            &[START, PREVIEW, SCAN, PREVIEW, SCAN, END, b"<html>"].concat()
        ));
    }

    #[test]
    fn a_previews_end_does_not_count() {
        assert!(!is_complete(&[START, PREVIEW].concat()));
        assert!(!is_complete(&[START, PREVIEW, SCAN].concat()));
        assert!(!is_complete(&[START, PREVIEW, SCAN, &[0xff]].concat()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = is_complete(&[START, &bytes].concat());
        }
    }
}
