use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_contract::uploads::UploadState;
use sluicegate_core::upload::{Derivative, Upload};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::columns::{self, unsigned, unsigned_long};

/// Uploads, from a statement that gives rows of `uploads`.
macro_rules! upload_query {
    ($($source:literal)+ $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            UploadRow,
            "with u as (" $(+ $source)+ + ")
            select id as \"id!\", owner_id as \"owner_id!\", purpose as \"purpose!\",
                state as \"state!\", moderation as \"moderation!\", reason,
                declared_length as \"declared_length!\", declared_sha256, head_sha256, staged_etag,
                sha256, length, width, height, blurhash, perceptual_hash, source_sha256,
                revision as \"revision!\", created_at as \"created_at!\",
                expires_at as \"expires_at!\", put_until, received_at, ready_at, moderated_at
            from u",
            $($argument),*
        )
    };
}
pub(super) use upload_query;

pub(super) struct UploadRow {
    pub id: Uuid,
    pub owner_id: Uuid,
    pub purpose: String,
    pub state: String,
    pub moderation: String,
    pub reason: Option<String>,
    pub declared_length: i64,
    pub declared_sha256: Option<Vec<u8>>,
    pub head_sha256: Option<Vec<u8>>,
    pub staged_etag: Option<String>,
    pub sha256: Option<Vec<u8>>,
    pub length: Option<i64>,
    pub width: Option<i32>,
    pub height: Option<i32>,
    pub blurhash: Option<String>,
    pub perceptual_hash: Option<i64>,
    pub source_sha256: Option<Vec<u8>>,
    pub revision: i64,
    pub created_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
    pub put_until: Option<OffsetDateTime>,
    pub received_at: Option<OffsetDateTime>,
    pub ready_at: Option<OffsetDateTime>,
    pub moderated_at: Option<OffsetDateTime>,
}

impl UploadRow {
    pub fn read(mut self) -> sqlx::Result<Upload> {
        let state = columns::upload_state(&self.state)?;
        Ok(Upload {
            id: UploadId(self.id),
            owner: AccountId(self.owner_id),
            purpose: columns::purpose(&self.purpose)?,
            state,
            moderation: columns::moderation(&self.moderation)?,
            declared_length: unsigned_long(self.declared_length)?,
            declared_sha256: self.declared_sha256.take().map(hex::encode),
            head_sha256: self.head_sha256.take().map(hex::encode),
            derivative: self.take_derivative()?,
            // While it is tried again, the row keeps why it failed before.
            reason: self.reason.filter(|_| state != UploadState::Processing),
            staged_etag: self.staged_etag,
            revision: unsigned_long(self.revision)?,
            created_at: self.created_at.into(),
            expires_at: self.expires_at.into(),
            put_until: self.put_until.map(Into::into),
            received_at: self.received_at.map(Into::into),
            ready_at: self.ready_at.map(Into::into),
            moderated_at: self.moderated_at.map(Into::into),
        })
    }

    /// All of its columns are set or none is; a check of the table sees to that.
    fn take_derivative(&mut self) -> sqlx::Result<Option<Derivative>> {
        let (Some(sha256), Some(length), Some(width), Some(height)) =
            (self.sha256.take(), self.length, self.width, self.height)
        else {
            return Ok(None);
        };
        let (Some(blurhash), Some(hash), Some(source)) = (
            self.blurhash.take(),
            self.perceptual_hash,
            self.source_sha256.take(),
        ) else {
            return Ok(None);
        };
        Ok(Some(Derivative {
            sha256: hex::encode(sha256),
            length: unsigned_long(length)?,
            width: unsigned(width)?,
            height: unsigned(height)?,
            blurhash,
            perceptual_hash: hash.cast_unsigned(),
            source_sha256: hex::encode(source),
        }))
    }
}

/// A derivative as its columns hold it.
pub(super) struct DerivativeColumns<'a> {
    pub sha256: Vec<u8>,
    pub length: i64,
    pub width: i32,
    pub height: i32,
    pub blurhash: &'a str,
    pub perceptual_hash: i64,
    pub source_sha256: Vec<u8>,
}

impl<'a> DerivativeColumns<'a> {
    pub fn new(derivative: &'a Derivative) -> sqlx::Result<Self> {
        let bytes = |text: &str| hex::decode(text).map_err(crate::error::encode_error);
        Ok(Self {
            sha256: bytes(&derivative.sha256)?,
            length: columns::bigint(derivative.length)?,
            width: columns::int(derivative.width)?,
            height: columns::int(derivative.height)?,
            blurhash: &derivative.blurhash,
            perceptual_hash: derivative.perceptual_hash.cast_signed(),
            source_sha256: bytes(&derivative.source_sha256)?,
        })
    }
}
