//! What comes before the file.

use sluicegate_contract::limits;
use sluicegate_contract::uploads::Purpose;

use super::part::{self, Part};
use super::{Boundary, FormError};

/// Reads up to the first byte of the file. What it keeps is bounded by [`limits::FORM_OPENING`] and a piece.
#[derive(Debug)]
pub(super) struct Opening {
    boundary: Boundary,
    buffer: Vec<u8>,
    /// Up to here the buffer has been searched in vain.
    searched: usize,
    /// Bytes that were pushed.
    taken: usize,
    at: At,
    fields: usize,
    purpose: Option<Purpose>,
}

/// What came of looking at the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// More bytes are needed.
    Starved,
    /// Something was taken from it; there may be more.
    Taken,
    /// A part has begun.
    Begun(Part),
}

/// Where the buffer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the preamble, or the value of a field that does not matter.
    Passed,
    /// In the value of `purpose`.
    Purpose,
    /// Right behind a delimiter.
    Line,
    /// At the line break before a part's headers.
    Head,
}

/// The end of the opening.
#[derive(Debug)]
pub(super) struct Opened {
    /// Bytes of the body before the file.
    pub(super) before: usize,
    /// What was pushed beyond.
    pub(super) rest: Vec<u8>,
    /// What the file's part says of its length.
    pub(super) length: Option<u64>,
    /// What the form says the picture is for.
    pub(super) purpose: Option<Purpose>,
}

impl Opening {
    pub(super) fn new(boundary: Boundary) -> Self {
        Self {
            boundary,
            // Each delimiter has a line break before it, but for one at the very beginning.
            buffer: b"\r\n".to_vec(),
            searched: 0,
            taken: 0,
            at: At::Passed,
            fields: 0,
            purpose: None,
        }
    }

    pub(super) fn push(&mut self, piece: &[u8]) -> Result<Option<Opened>, FormError> {
        self.taken += piece.len();
        self.buffer.extend_from_slice(piece);
        loop {
            let step = self.step()?;
            if step == Step::Starved {
                break;
            }
            if let Step::Begun(Part::File(length)) = step {
                let before = self.taken - self.buffer.len();
                if before > limits::FORM_OPENING {
                    return Err(FormError::TooMuchBefore);
                }
                return Ok(Some(Opened {
                    before,
                    rest: std::mem::take(&mut self.buffer),
                    length,
                    purpose: self.purpose,
                }));
            }
        }
        if self.taken > limits::FORM_OPENING {
            return Err(FormError::TooMuchBefore);
        }
        Ok(None)
    }

    fn step(&mut self) -> Result<Step, FormError> {
        match self.at {
            At::Passed | At::Purpose => self.content(),
            At::Line => self.line(),
            At::Head => self.head(),
        }
    }

    fn content(&mut self) -> Result<Step, FormError> {
        let length = self.boundary.delimiter().len();
        let boundary = &self.boundary;
        let found = find(&self.buffer, self.searched, |bytes| boundary.find(bytes));
        let Some(found) = found else {
            self.searched = self.buffer.len().saturating_sub(length - 1);
            return Ok(Step::Starved);
        };
        if self.at == At::Purpose {
            let purpose = self
                .buffer
                .get(..found)
                .and_then(|value| std::str::from_utf8(value).ok())
                .and_then(Purpose::parse);
            if purpose.is_none() || self.purpose.is_some() {
                return Err(FormError::Purpose);
            }
            self.purpose = purpose;
        }
        self.consume(found + length, At::Line);
        Ok(Step::Taken)
    }

    fn line(&mut self) -> Result<Step, FormError> {
        if self.buffer.starts_with(b"--") {
            return Err(FormError::NoFile);
        }
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let padding = self.buffer.iter().take_while(|byte| blank(byte)).count();
        match self.buffer.get(padding..).unwrap_or_default() {
            [b'\r', b'\n', ..] => {
                self.consume(padding, At::Head);
                Ok(Step::Taken)
            }
            [] | [b'\r'] => Ok(Step::Starved),
            [b'-'] if padding == 0 => Ok(Step::Starved),
            _ => Err(FormError::Malformed(
                "a delimiter does not stand on a line of its own.",
            )),
        }
    }

    fn head(&mut self) -> Result<Step, FormError> {
        const END: &[u8] = b"\r\n\r\n";
        let found = find(&self.buffer, self.searched, |bytes| {
            memchr::memmem::find(bytes, END)
        });
        let Some(found) = found else {
            self.searched = self.buffer.len().saturating_sub(END.len() - 1);
            return Ok(Step::Starved);
        };
        let part = part::read(self.buffer.get(2..found).unwrap_or_default())?;
        let at = if part == Part::Purpose {
            At::Purpose
        } else {
            At::Passed
        };
        self.consume(found + END.len(), at);
        if !matches!(part, Part::File(_)) {
            self.fields += 1;
            if self.fields > limits::FORM_FIELDS {
                return Err(FormError::TooMuchBefore);
            }
        }
        Ok(Step::Begun(part))
    }

    fn consume(&mut self, length: usize, at: At) {
        self.buffer.drain(..length.min(self.buffer.len()));
        self.searched = 0;
        self.at = at;
    }
}

fn find(
    buffer: &[u8],
    searched: usize,
    search: impl FnOnce(&[u8]) -> Option<usize>,
) -> Option<usize> {
    search(buffer.get(searched..)?).map(|found| searched + found)
}
