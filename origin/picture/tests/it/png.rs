//! PNG files, taken apart and put together again.

#![expect(clippy::indexing_slicing, reason = "helpers of tests")]

/// A chunk's name and data.
pub(crate) type Chunk = ([u8; 4], Vec<u8>);

const SIGNATURE: usize = 8;

pub(crate) fn chunks(file: &[u8]) -> Vec<Chunk> {
    let mut rest = &file[SIGNATURE..];
    let mut chunks = Vec::new();
    while let [l1, l2, l3, l4, n1, n2, n3, n4, behind @ ..] = rest {
        let length = usize::try_from(u32::from_be_bytes([*l1, *l2, *l3, *l4])).unwrap_or(0);
        chunks.push(([*n1, *n2, *n3, *n4], behind[..length].to_vec()));
        rest = &behind[length + 4..];
    }
    chunks
}

pub(crate) fn file(chunks: &[Chunk]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in chunks {
        let covered = [&name[..], data].concat();
        file.extend(u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
        file.extend(&covered);
        file.extend(checksum(&covered).to_be_bytes());
    }
    file
}

/// The file with other chunks right behind its header, and without those of `dropped`.
pub(crate) fn with(file: &[u8], added: &[(&[u8; 4], &[u8])], dropped: &[&[u8; 4]]) -> Vec<u8> {
    let mut chunks = chunks(file);
    chunks.retain(|(name, _)| !dropped.contains(&name));
    for (name, data) in added.iter().rev() {
        chunks.insert(1, (**name, data.to_vec()));
    }
    self::file(&chunks)
}

fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}
