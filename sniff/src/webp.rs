use crate::head::{Head, Stop};
use crate::{Kind, Picture};

pub(crate) const SIGNATURE: &[Option<u8>] = &[
    Some(b'R'),
    Some(b'I'),
    Some(b'F'),
    Some(b'F'),
    None,
    None,
    None,
    None,
    Some(b'W'),
    Some(b'E'),
    Some(b'B'),
    Some(b'P'),
];

/// Where the first chunk starts.
const FIRST: u64 = 12;

struct Chunk {
    name: [u8; 4],
    /// Where its data starts.
    data: u64,
    length: u64,
}

impl Chunk {
    /// The chunk at `at`, which has to end within the container.
    fn read(head: &Head<'_>, at: u64, container: u64) -> Result<Self, Stop> {
        let [n1, n2, n3, n4, length @ ..]: [u8; 8] = head.bytes(at)?;
        let length = u64::from(u32::from_le_bytes(length));
        let data = at + 8;
        if data + length > container {
            return Err(Stop::BROKEN);
        }
        Ok(Self {
            name: [n1, n2, n3, n4],
            data,
            length,
        })
    }

    fn next(&self) -> u64 {
        self.data + self.length + self.length % 2
    }
}

pub(crate) fn inspect(head: &Head<'_>) -> Result<Picture, Stop> {
    // The length that the container claims; bytes behind it belong to nobody and are never served.
    let container = 8 + u64::from(u32::from_le_bytes(head.bytes(4)?));
    if container > head.total() {
        return Err(Stop::BROKEN);
    }
    let chunk = Chunk::read(head, FIRST, container)?;
    let (width, height, animated) = if &chunk.name == b"VP8X" {
        extended(head, &chunk, container)?
    } else {
        let (width, height) = bitstream(head, &chunk)?.ok_or(Stop::BROKEN)?;
        (width, height, false)
    };
    Ok(Picture {
        kind: Kind::Webp,
        width,
        height,
        animated,
    })
}

/// The dimensions that a chunk of pixels names; `None` if the chunk is something else.
fn bitstream(head: &Head<'_>, chunk: &Chunk) -> Result<Option<(u32, u32)>, Stop> {
    match &chunk.name {
        b"VP8 " => lossy(head, chunk).map(Some),
        b"VP8L" => lossless(head, chunk).map(Some),
        _ => Ok(None),
    }
}

fn lossy(head: &Head<'_>, chunk: &Chunk) -> Result<(u32, u32), Stop> {
    if chunk.length < 10 {
        return Err(Stop::BROKEN);
    }
    let [t1, t2, t3, 0x9d, 0x01, 0x2a, w1, w2, h1, h2] = head.bytes(chunk.data)? else {
        return Err(Stop::BROKEN);
    };
    let tag = u32::from_le_bytes([t1, t2, t3, 0]);
    let is_key_frame = tag & 1 == 0;
    let profile = (tag >> 1) & 7;
    let is_shown = (tag >> 4) & 1 == 1;
    let first_partition = u64::from(tag >> 5);
    // The two upper bits of each side ask for scaling, which nobody applies.
    let width = u32::from(u16::from_le_bytes([w1, w2]) & 0x3fff);
    let height = u32::from(u16::from_le_bytes([h1, h2]) & 0x3fff);
    let sound = is_key_frame
        && profile <= 3
        && is_shown
        && first_partition < chunk.length
        && width > 0
        && height > 0;
    if sound {
        Ok((width, height))
    } else {
        Err(Stop::BROKEN)
    }
}

fn lossless(head: &Head<'_>, chunk: &Chunk) -> Result<(u32, u32), Stop> {
    if chunk.length < 5 {
        return Err(Stop::BROKEN);
    }
    let [0x2f, b1, b2, b3, b4] = head.bytes(chunk.data)? else {
        return Err(Stop::BROKEN);
    };
    let bits = u32::from_le_bytes([b1, b2, b3, b4]);
    let version = bits >> 29;
    if version != 0 {
        return Err(Stop::BROKEN);
    }
    Ok(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
}

/// The canvas; then on to the chunk with the pixels, which has to agree with it.
fn extended(head: &Head<'_>, header: &Chunk, container: u64) -> Result<(u32, u32, bool), Stop> {
    const ANIMATION: u8 = 0x02;
    if header.length != 10 {
        return Err(Stop::BROKEN);
    }
    let [flags, _, _, _, w1, w2, w3, h1, h2, h3] = head.bytes(header.data)?;
    let width = u32::from_le_bytes([w1, w2, w3, 0]) + 1;
    let height = u32::from_le_bytes([h1, h2, h3, 0]) + 1;
    if width.checked_mul(height).is_none() {
        return Err(Stop::BROKEN);
    }
    if flags & ANIMATION != 0 {
        return Ok((width, height, true));
    }
    match pixels(head, header.next(), container) {
        Ok(Some(found)) if found != (width, height) => Err(Stop::BROKEN),
        Ok(found) => Ok((width, height, found.is_none())),
        // A large colour profile before the pixels.
        Err(Stop::BeyondHead) => Ok((width, height, false)),
        Err(stop) => Err(stop),
    }
}

/// The dimensions of the first pixels from `at` on; `None` if they are frames of an animation.
fn pixels(head: &Head<'_>, mut at: u64, container: u64) -> Result<Option<(u32, u32)>, Stop> {
    loop {
        let chunk = Chunk::read(head, at, container)?;
        if matches!(&chunk.name, b"ANIM" | b"ANMF") {
            return Ok(None);
        }
        if let Some(found) = bitstream(head, &chunk)? {
            return Ok(Some(found));
        }
        at = chunk.next();
    }
}
