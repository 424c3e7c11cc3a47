use sluicegate_contract::limits;
use sluicegate_contract::uploads::Purpose;

use super::opening::{Opened, Opening};
use super::{Boundary, FormError};

/// Where at most so many bytes follow the file's headers, all of them are read before the file is passed
/// on, and a form may lack its last line break.
pub const READ_AHEAD: usize = limits::INSPECTED_HEAD;

/// One form on its way: the body's bytes go in, the file's come out. Memory is bounded by
/// [`limits::FORM_OPENING`], [`READ_AHEAD`] and the size of a piece. The result does not depend on how the
/// body is cut into pieces.
#[derive(Debug)]
pub struct Form {
    boundary: Boundary,
    /// Bytes of the body, as declared.
    total: u64,
    stage: Stage,
    purpose: Option<Purpose>,
    length: Option<u64>,
}

#[derive(Debug)]
enum Stage {
    Opening(Box<Opening>),
    /// All that follows the opening is kept until it is there: `left` bytes.
    Ahead {
        kept: Vec<u8>,
        left: u64,
    },
    /// `left` bytes of the file are to come; `recent` are the last ones, in which a delimiter may have begun.
    File {
        left: u64,
        recent: Vec<u8>,
    },
    /// What came after the file.
    Closing(Vec<u8>),
    /// The closing delimiter was seen.
    Closed,
}

impl Form {
    /// A form whose body has `total` bytes.
    pub fn new(boundary: Boundary, total: u64) -> Self {
        Self {
            stage: Stage::Opening(Box::new(Opening::new(boundary.clone()))),
            boundary,
            total,
            purpose: None,
            length: None,
        }
    }

    /// Takes the next bytes of the body, and leaves those of the file. After an error nothing more may be
    /// pushed.
    pub fn push(&mut self, piece: &mut Vec<u8>) -> Result<(), FormError> {
        if let Stage::Opening(opening) = &mut self.stage {
            let opened = opening.push(piece)?;
            piece.clear();
            let Some(opened) = opened else { return Ok(()) };
            self.open(opened, piece)?;
        }
        if let Stage::Ahead { .. } = self.stage {
            return self.ahead(piece);
        }
        if let Stage::File { .. } = self.stage {
            return self.file(piece);
        }
        let after = std::mem::take(piece);
        self.close(&after)
    }

    /// The file's length in bytes; known when its headers have been read, and in case of doubt as soon as
    /// all of the body has.
    pub fn file_length(&self) -> Option<u64> {
        self.length
    }

    /// What the form says the picture is for, known with the length.
    pub fn purpose(&self) -> Option<Purpose> {
        self.purpose
    }

    /// To be asked at the end of the body: whether the file was whole, and nothing came after it.
    pub fn finish(&self) -> Result<(), FormError> {
        match &self.stage {
            Stage::Opening(_) => Err(FormError::NoFile),
            Stage::Ahead { .. } | Stage::File { .. } => Err(FormError::Ending),
            Stage::Closing(seen) => {
                let closing = self.boundary.closing();
                let without_break = closing.get(..closing.len() - 2);
                if *seen == closing || Some(seen.as_slice()) == without_break {
                    Ok(())
                } else {
                    Err(FormError::Ending)
                }
            }
            Stage::Closed => Ok(()),
        }
    }

    /// The opening is over: how long is the file?
    fn open(&mut self, opened: Opened, piece: &mut Vec<u8>) -> Result<(), FormError> {
        let left = self
            .total
            .checked_sub(long(opened.before))
            .ok_or(FormError::Ending)?;
        let closing = long(self.boundary.closing().len());
        self.purpose = opened.purpose;
        *piece = opened.rest;
        let length = match opened.length {
            Some(length) => {
                let end = left.checked_sub(length).ok_or(FormError::PartLength)?;
                if end != closing && end != closing - 2 {
                    return Err(FormError::PartLength);
                }
                length
            }
            None if left <= long(READ_AHEAD) => {
                let kept = Vec::new();
                self.stage = Stage::Ahead { kept, left };
                return Ok(());
            }
            None => left.checked_sub(closing).ok_or(FormError::Ending)?,
        };
        self.length = Some(length);
        self.stage = Stage::File {
            left: length,
            recent: Vec::new(),
        };
        Ok(())
    }

    fn ahead(&mut self, piece: &mut Vec<u8>) -> Result<(), FormError> {
        let Stage::Ahead { kept, left } = &mut self.stage else {
            return Ok(());
        };
        kept.append(piece);
        if long(kept.len()) < *left {
            return Ok(());
        }
        let mut kept = std::mem::take(kept);
        let end = self.boundary.find(&kept).ok_or(FormError::Ending)?;
        let after = kept.split_off(end);
        self.stage = Stage::Closing(Vec::new());
        let closed = self.close(&after).and_then(|()| self.finish());
        closed.map_err(|_| self.why_not_closed(&after))?;
        self.length = Some(long(kept.len()));
        self.stage = Stage::Closed;
        *piece = kept;
        Ok(())
    }

    /// Another part, or something that only looks like an end.
    fn why_not_closed(&self, after: &[u8]) -> FormError {
        let ends = after
            .get(self.boundary.delimiter().len()..)
            .is_some_and(|rest| rest.starts_with(b"--"));
        if ends {
            FormError::Ending
        } else {
            FormError::NotLast
        }
    }

    fn file(&mut self, piece: &mut Vec<u8>) -> Result<(), FormError> {
        let Stage::File { left, recent } = &mut self.stage else {
            return Ok(());
        };
        let here = usize::try_from(*left)
            .unwrap_or(usize::MAX)
            .min(piece.len());
        let after = piece.split_off(here);
        // A delimiter cannot lie across the file's end: nothing in it begins like itself.
        if self.boundary.find(piece).is_some() || straddles(&self.boundary, recent, piece) {
            return Err(FormError::NotLast);
        }
        remember(recent, piece, self.boundary.delimiter().len() - 1);
        *left -= long(here);
        if *left > 0 {
            return Ok(());
        }
        self.stage = Stage::Closing(Vec::new());
        self.close(&after)
    }

    fn close(&mut self, after: &[u8]) -> Result<(), FormError> {
        let Stage::Closing(seen) = &mut self.stage else {
            return if after.is_empty() {
                Ok(())
            } else {
                Err(FormError::Ending)
            };
        };
        let closing = self.boundary.closing();
        if seen.len() + after.len() > closing.len() {
            return Err(FormError::Ending);
        }
        seen.extend_from_slice(after);
        if closing.starts_with(seen) {
            Ok(())
        } else {
            Err(FormError::Ending)
        }
    }
}

/// Whether a delimiter begins in what came before and ends in this piece.
fn straddles(boundary: &Boundary, recent: &[u8], piece: &[u8]) -> bool {
    let most = boundary.delimiter().len() - 1;
    let start = piece.get(..most.min(piece.len())).unwrap_or_default();
    !recent.is_empty() && boundary.find(&[recent, start].concat()).is_some()
}

/// Keeps the last `most` bytes.
fn remember(recent: &mut Vec<u8>, piece: &[u8], most: usize) {
    let last = piece
        .get(piece.len().saturating_sub(most)..)
        .unwrap_or_default();
    recent.extend_from_slice(last);
    recent.drain(..recent.len().saturating_sub(most));
}

fn long(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
