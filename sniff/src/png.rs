use crate::head::{Head, Stop};
use crate::{Kind, Picture};

pub(crate) const SIGNATURE: &[Option<u8>] = &[
    Some(0x89),
    Some(b'P'),
    Some(b'N'),
    Some(b'G'),
    Some(0x0d),
    Some(0x0a),
    Some(0x1a),
    Some(0x0a),
];

/// Length, type and checksum around each chunk's data.
const AROUND: u64 = 12;
/// Where the first chunk starts, and where the one after the header does.
const FIRST: u64 = 8;
const SECOND: u64 = FIRST + AROUND + 13;

pub(crate) fn inspect(head: &Head<'_>) -> Result<Picture, Stop> {
    let (width, height) = header(head)?;
    let animated = match is_animated(head) {
        Err(Stop::BeyondHead) => false,
        other => other?,
    };
    Ok(Picture {
        kind: Kind::Png,
        width,
        height,
        animated,
    })
}

fn header(head: &Head<'_>) -> Result<(u32, u32), Stop> {
    let [0, 0, 0, 13] = head.bytes(FIRST)? else {
        return Err(Stop::BROKEN);
    };
    let covered: [u8; 17] = head.bytes(FIRST + 4)?;
    let checksum = u32::from_be_bytes(head.bytes(FIRST + 4 + 17)?);
    if crc(&covered) != checksum {
        return Err(Stop::BROKEN);
    }
    let [
        b'I',
        b'H',
        b'D',
        b'R',
        w1,
        w2,
        w3,
        w4,
        h1,
        h2,
        h3,
        h4,
        depth,
        colour,
        0,
        0,
        0 | 1,
    ] = covered
    else {
        return Err(Stop::BROKEN);
    };
    let depths: &[u8] = match colour {
        0 => &[1, 2, 4, 8, 16],
        2 | 4 | 6 => &[8, 16],
        3 => &[1, 2, 4, 8],
        _ => &[],
    };
    let (width, height) = (
        u32::from_be_bytes([w1, w2, w3, w4]),
        u32::from_be_bytes([h1, h2, h3, h4]),
    );
    let side = 1..=0x7fff_ffff;
    if depths.contains(&depth) && side.contains(&width) && side.contains(&height) {
        Ok((width, height))
    } else {
        Err(Stop::BROKEN)
    }
}

/// Walks the chunks up to the first data: an animation has to announce itself before.
fn is_animated(head: &Head<'_>) -> Result<bool, Stop> {
    let mut at = SECOND;
    loop {
        let [l1, l2, l3, l4, name @ ..]: [u8; 8] = head.bytes(at)?;
        let end = at + AROUND + u64::from(u32::from_be_bytes([l1, l2, l3, l4]));
        match &name {
            // A file that was cut inside its data is told by decoding it.
            b"IDAT" => return Ok(false),
            b"acTL" => return Ok(true),
            b"IHDR" | b"IEND" => return Err(Stop::BROKEN),
            name if !name.iter().all(u8::is_ascii_alphabetic) => return Err(Stop::BROKEN),
            _ => {}
        }
        head.holds(end)?;
        at = end;
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}
