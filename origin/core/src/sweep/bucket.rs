//! Whether the bucket is this database's own: both carry one name, which is written once.
//!
//! Without that, an origin that was started with a wrong `DATABASE_URL` would take every picture in the bucket for one
//! that no row knows. Where the bucket has no name yet it is given one only if what lies there speaks for it: nothing
//! at all, or pictures most of which this database knows. Ids are random, so no other database does.

use uuid::Uuid;

use super::Sweep;
use super::objects::media_upload;
use crate::error::PortError;
use crate::ports::PutOptions;
use crate::upload::MEDIA;

/// The object that says whose the bucket is.
pub const BUCKET_MARKER: &str = "sluicegate-database";
/// More than a name.
const MARKER_BYTES: u64 = 64;
/// So many pictures are looked at before a bucket is given a name.
const WITNESSES: u32 = 500;

/// Whose the bucket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bucket {
    /// This database's.
    Ours,
    /// It says that it is another database's.
    Foreign,
    /// It does not say whose it is.
    #[default]
    Unmarked,
}

impl Sweep {
    /// Whose the bucket is. Changes nothing.
    pub async fn bucket(&self) -> Result<Bucket, PortError> {
        let identity = self.store.identity().await?;
        Ok(match self.marker().await? {
            None => Bucket::Unmarked,
            Some(marker) if identity.is_some_and(|own| marker == own.to_string()) => Bucket::Ours,
            Some(_) => Bucket::Foreign,
        })
    }

    /// Says that the bucket is this database's, whatever it says itself. For operators who know.
    pub async fn claim_bucket(&self) -> Result<(), PortError> {
        let identity = self.store.note_identity(self.env.new_id()).await?;
        self.mark(identity).await
    }

    /// Whose the bucket is, once it was marked if nothing speaks against that.
    pub(super) async fn mark_bucket(&self) -> Result<Bucket, PortError> {
        let bucket = self.bucket().await?;
        if bucket != Bucket::Unmarked || !self.knows_the_pictures().await? {
            return Ok(bucket);
        }
        // First the row: a bucket must not carry a name that no database has.
        let identity = self.store.note_identity(self.env.new_id()).await?;
        self.mark(identity).await?;
        // Another database may have marked it at the same time, and the last one counts.
        self.bucket().await
    }

    /// Nothing lies there, or most of what does is known here.
    async fn knows_the_pictures(&self) -> Result<bool, PortError> {
        let page = self.objects.list(MEDIA, None, WITNESSES).await?;
        let ids: Vec<_> = page
            .objects
            .iter()
            .filter_map(|object| media_upload(&object.key))
            .collect();
        let known = self.store.states(&ids).await?.len();
        Ok(known * 2 >= page.objects.len())
    }

    async fn mark(&self, identity: Uuid) -> Result<(), PortError> {
        let options = PutOptions {
            content_type: "text/plain",
        };
        self.objects
            .put(BUCKET_MARKER, identity.to_string().into(), &options)
            .await
            .map(drop)
    }

    async fn marker(&self) -> Result<Option<String>, PortError> {
        let Some(info) = self.objects.head(BUCKET_MARKER).await? else {
            return Ok(None);
        };
        let content = self
            .objects
            .read_start(BUCKET_MARKER, MARKER_BYTES, &info.etag)
            .await?;
        Ok(content.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()))
    }
}
