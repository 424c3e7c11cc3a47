//! The file in a client's body: all of the body, or a part of a form.

use sluicegate_guest::Body;
use sluicegate_policy::multipart::{Form, FormError};

/// Why a body did not get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The client sent less than it declared, or went away.
    Short,
    /// It sent more.
    Long,
    /// It sent a form that is no upload.
    Form(FormError),
    /// The store takes no more.
    Refused,
}

/// Hands out the bytes of the file.
pub(crate) struct Payload<'a> {
    body: &'a mut Body,
    form: Option<Form>,
    /// Bytes of the body, as declared.
    total: u64,
    read: u64,
}

impl<'a> Payload<'a> {
    pub(crate) fn new(body: &'a mut Body, form: Option<Form>, total: u64) -> Self {
        Self {
            body,
            form,
            total,
            read: 0,
        }
    }

    /// The form that the file is in, as far as it has been read.
    pub(crate) fn form(&self) -> Option<&Form> {
        self.form.as_ref()
    }

    /// The file's length, if that is known yet.
    pub(crate) fn file_length(&self) -> Option<u64> {
        match &self.form {
            Some(form) => form.file_length(),
            None => Some(self.total),
        }
    }

    /// The beginning of the file: at least `limit` bytes, or all if there are fewer. Of a form at most so
    /// many more as one piece has.
    pub(crate) async fn head(&mut self, limit: usize) -> Result<Vec<u8>, Cut> {
        if self.form.is_none() {
            let head = self.body.head(limit).await;
            self.read = length(&head);
            return Ok(head);
        }
        let mut head = Vec::new();
        let mut buffer = Vec::new();
        while self.file_length().is_none() || head.len() < limit {
            let Some(piece) = self.next(buffer).await? else {
                break;
            };
            head.extend_from_slice(&piece);
            buffer = piece;
        }
        if self.file_length().is_none() {
            self.end().await?;
        }
        Ok(head)
    }

    /// The next bytes of the file, read into `buffer`; `None` at the end of the body.
    pub(crate) async fn next(&mut self, mut buffer: Vec<u8>) -> Result<Option<Vec<u8>>, Cut> {
        loop {
            let Some(mut piece) = self.body.next(buffer).await else {
                return Ok(None);
            };
            self.read = self.read.saturating_add(length(&piece));
            if self.read > self.total {
                return Err(Cut::Long);
            }
            let Some(form) = &mut self.form else {
                return Ok(Some(piece));
            };
            form.push(&mut piece).map_err(Cut::Form)?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
            buffer = piece;
        }
    }

    /// To be asked when [`Payload::next`] has come to the end: whether all was as declared.
    pub(crate) async fn end(&mut self) -> Result<(), Cut> {
        if self.read != self.total || !self.body.ended_well().await {
            return Err(Cut::Short);
        }
        match &self.form {
            Some(form) => form.finish().map_err(Cut::Form),
            None => Ok(()),
        }
    }
}

pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
