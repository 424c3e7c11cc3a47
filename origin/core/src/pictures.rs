//! Making a picture: the one flow that the job, the request for a picture that is not made yet, and
//! the synchronous check share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use sluicegate_contract::ids::UploadId;
use sluicegate_contract::uploads::UploadState;

use crate::env::Env;
use crate::error::PortError;
use crate::ports::{
    MadePicture, MakePictureError, ObjectStore, PictureMaker, PublicCache, PutOptions, UploadStore,
};
use crate::public::Change;
use crate::upload::{Derivative, Maker, MakingClaim, Upload, media_object, staged_object};
use crate::wake::{Wake, Waker};

/// How long a picture stays with whoever makes it, without a sign of life.
const MAKING_LEASE: Duration = Duration::from_secs(10);
/// How often whoever makes it gives one.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);

/// What is needed to make a picture.
#[derive(Clone)]
pub struct Pictures {
    /// Time and ids.
    pub env: Env,
    /// Where it is noted.
    pub uploads: Arc<dyn UploadStore>,
    /// Where it lies.
    pub objects: Arc<dyn ObjectStore>,
    /// Who makes it.
    pub maker: Arc<dyn PictureMaker>,
    /// What strangers read: it is told of pictures that are made or refused.
    pub cache: Arc<dyn PublicCache>,
    /// Who is told.
    pub waker: Waker,
}

/// What came of it.
#[derive(Debug)]
pub enum Making {
    /// Made by this call.
    Made {
        /// How it stands now.
        upload: Upload,
        /// The JPEG for detectors.
        preview: Bytes,
    },
    /// Nothing to do: `ready` before, or over.
    Settled(Upload),
    /// Somebody else is at it; ask again soon.
    Busy,
    /// The cap on making pictures on demand is reached; ask again later.
    Full,
    /// No such upload.
    Unknown,
}

impl Pictures {
    /// Makes the picture of an upload unless it is made. `on_demand_cap` is the cap for requests;
    /// the job passes `None`. A file at fault ends as `rejected` and is answered as `Settled`.
    pub async fn ensure(
        &self,
        id: UploadId,
        on_demand_cap: Option<u32>,
    ) -> Result<Making, PortError> {
        let maker = Maker {
            upload: id,
            token: self.env.new_id(),
        };
        let claim = self
            .uploads
            .claim_making(&maker, self.env.now(), MAKING_LEASE, on_demand_cap)
            .await?;
        let upload = match claim {
            MakingClaim::Claimed(upload) => upload,
            MakingClaim::Settled(upload) => return Ok(Making::Settled(upload)),
            MakingClaim::Busy => return Ok(Making::Busy),
            MakingClaim::Full => return Ok(Making::Full),
            MakingClaim::Unknown => return Ok(Making::Unknown),
        };
        self.waker.wake(Wake::Upload(id));
        let made = tokio::select! {
            made = self.make_claimed(&upload, &maker) => made,
            () = self.until_lost(&maker) => Ok(Making::Busy),
        };
        if made.is_err() {
            // Best effort: a claim that is not given back ends with its lease.
            if let Err(error) = self.uploads.release_making(&maker, self.env.now()).await {
                tracing::warn!(upload.id = %id, %error, "could not release a picture");
            }
        }
        // What failed may have been committed.
        if let Err(error) = self.cache.forget(Change::Account(upload.owner)).await {
            tracing::debug!(upload.id = %id, %error, "the cache was not told of a picture");
        }
        self.waker.wake(Wake::Upload(id));
        made
    }

    /// Keeps the claim for as long as this is polled; ends when somebody else has it. An outage is logged only:
    /// who takes the picture over makes the same one.
    async fn until_lost(&self, maker: &Maker) {
        loop {
            tokio::time::sleep(SIGN_OF_LIFE).await;
            let extended = self
                .uploads
                .extend_making(maker, self.env.now(), MAKING_LEASE)
                .await;
            match extended {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(upload.id = %maker.upload, %error, "could not keep a picture");
                }
            }
        }
    }

    async fn make_claimed(&self, upload: &Upload, maker: &Maker) -> Result<Making, PortError> {
        let picture = match self
            .make_staged(upload, upload.staged_etag.as_deref())
            .await
        {
            Ok(picture) => picture,
            Err(MakePictureError::Refused(reason)) => {
                return self.refuse(maker, reason).await;
            }
            Err(MakePictureError::Port(error)) => return Err(error),
        };
        let derivative = self.store(upload.id, &picture).await?;
        let Some(upload) = self
            .uploads
            .finish_making(maker, &derivative, self.env.now())
            .await?
        else {
            // Erased while we were at it: what was just stored must not stay.
            self.objects.delete(&media_object(maker.upload)).await?;
            return Ok(Making::Unknown);
        };
        match upload.state {
            UploadState::Ready => {}
            // The claim was lost: whoever has it now stores the same picture.
            UploadState::Received | UploadState::Processing => return Ok(Making::Busy),
            _ => {
                // Over while we were at it: what was just stored must not stay.
                self.objects.delete(&media_object(upload.id)).await?;
                return Ok(Making::Settled(upload));
            }
        }
        self.delete_staged(upload.id).await;
        Ok(Making::Made {
            upload,
            preview: picture.preview,
        })
    }

    /// Decodes the staged file, only while it is the one that `complete` looked at. What was read must have the
    /// SHA-256 that the client declared, whether the store has checked that or not.
    pub async fn make_staged(
        &self,
        upload: &Upload,
        etag: Option<&str>,
    ) -> Result<MadePicture, MakePictureError> {
        match self.objects.read(&upload.staged_object(), etag).await? {
            Some(source) => {
                let picture = self.maker.make(source, upload.purpose).await?;
                match &upload.declared_sha256 {
                    Some(declared) if *declared != picture.source_sha256 => {
                        Err(MakePictureError::Refused("digest"))
                    }
                    _ => Ok(picture),
                }
            }
            None => Err(MakePictureError::Refused("missing")),
        }
    }

    /// Stores a picture that was made, and says what to note of it.
    pub async fn store(
        &self,
        id: UploadId,
        picture: &MadePicture,
    ) -> Result<Derivative, PortError> {
        let options = PutOptions {
            content_type: "image/webp",
        };
        self.objects
            .put(&media_object(id), picture.webp.clone(), &options)
            .await?;
        Ok(Derivative {
            sha256: hex::encode(Sha256::digest(&picture.webp)),
            length: u64::try_from(picture.webp.len()).unwrap_or(u64::MAX),
            width: picture.width,
            height: picture.height,
            blurhash: picture.blurhash.clone(),
            perceptual_hash: picture.perceptual_hash,
            source_sha256: picture.source_sha256.clone(),
        })
    }

    /// The JPEG for detectors of a picture that was made earlier; `None` if it is not there.
    pub async fn preview(&self, id: UploadId) -> Result<Option<Bytes>, PortError> {
        let Some(webp) = self.objects.read(&media_object(id), None).await? else {
            return Ok(None);
        };
        match self.maker.preview(webp).await {
            Ok(jpeg) => Ok(Some(jpeg)),
            Err(MakePictureError::Port(error)) => Err(error),
            Err(MakePictureError::Refused(reason)) => Err(PortError::failed("picture", reason)),
        }
    }

    /// Deletes the client's file. Failing is logged only: nothing refers to it any more, and what is left in
    /// `staging/` is swept.
    pub async fn delete_staged(&self, id: UploadId) {
        if let Err(error) = self.objects.delete(&staged_object(id)).await {
            tracing::warn!(upload.id = %id, %error, "could not delete a staged file");
        }
    }

    /// Only a claim that still holds rejects: the file may be missing because another call has made the picture.
    async fn refuse(&self, maker: &Maker, reason: &'static str) -> Result<Making, PortError> {
        let now = self.env.now();
        self.uploads.reject_making(maker, reason, now).await?;
        let Some(upload) = self.uploads.upload(maker.upload).await? else {
            return Ok(Making::Unknown);
        };
        match upload.state {
            UploadState::Received | UploadState::Processing => Ok(Making::Busy),
            UploadState::Rejected => {
                self.delete_staged(upload.id).await;
                Ok(Making::Settled(upload))
            }
            _ => Ok(Making::Settled(upload)),
        }
    }
}
