use crate::head::{Head, Stop};
use crate::{Kind, Picture};

pub(crate) const SIGNATURE: &[Option<u8>] = &[Some(0xff), Some(0xd8), Some(0xff)];

/// Walks the segments up to the frame header.
pub(crate) fn inspect(head: &Head<'_>) -> Result<Picture, Stop> {
    match frame(head) {
        // Photos with a large preview or colour profile are like that: right so far.
        Err(Stop::BeyondHead) => Ok(picture(0, 0)),
        other => other,
    }
}

fn frame(head: &Head<'_>) -> Result<Picture, Stop> {
    let mut at = 2;
    loop {
        let (code, body) = marker(head, at)?;
        match code {
            0xc0..=0xc2 => return frame_header(head, body),
            // Lossless, hierarchical and arithmetic coding.
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf | 0xde => return Err(Stop::UNSUPPORTED),
            // Tables, parameters, comments and application data.
            0xc4 | 0xcc | 0xdb | 0xdd | 0xe0..=0xef | 0xfe => {
                let length = u64::from(u16::from_be_bytes(head.bytes(body)?));
                if length < 2 {
                    return Err(Stop::BROKEN);
                }
                at = body + length;
                head.holds(at)?;
            }
            // A scan, an end or a second start before any frame, and reserved codes.
            _ => return Err(Stop::BROKEN),
        }
    }
}

/// The marker at `at` and where its segment starts; any number of 0xff may stand before its code.
fn marker(head: &Head<'_>, at: u64) -> Result<(u8, u64), Stop> {
    let [0xff] = head.bytes(at)? else {
        return Err(Stop::BROKEN);
    };
    let mut at = at + 1;
    loop {
        let [code] = head.bytes(at)?;
        at += 1;
        if code != 0xff {
            return Ok((code, at));
        }
    }
}

fn frame_header(head: &Head<'_>, at: u64) -> Result<Picture, Stop> {
    let [l1, l2, precision, h1, h2, w1, w2, components] = head.bytes(at)?;
    let length = u16::from_be_bytes([l1, l2]);
    let (width, height) = (u16::from_be_bytes([w1, w2]), u16::from_be_bytes([h1, h2]));
    let sound = matches!(components, 1 | 3 | 4)
        && length == 8 + 3 * u16::from(components)
        && width > 0
        && height > 0;
    head.holds(at + u64::from(length))?;
    match (sound, precision) {
        (true, 8) => Ok(picture(width, height)),
        (true, 12 | 16) => Err(Stop::UNSUPPORTED),
        _ => Err(Stop::BROKEN),
    }
}

fn picture(width: u16, height: u16) -> Picture {
    Picture {
        kind: Kind::Jpeg,
        width: width.into(),
        height: height.into(),
        animated: false,
    }
}
