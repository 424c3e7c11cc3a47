//! What the origin needs from outside, as traits that adapters under `origin/backends` implement.
//!
//! # Contract of every port
//!
//! - Methods may be called at once from many tasks. A call that is dropped half-way may or may not
//!   have happened; it never leaves half of its effects.
//! - "Not found" is a value, never an error. [`PortError`](crate::error::PortError) is for outages
//!   (`Unavailable`) and broken promises (`Failed`).
//! - A method that changes several rows does so in one transaction.
//! - Adapters bound every call in time.
//! - Each adapter passes the suite of its port in `origin/conformance`.

mod accounts;
mod answers;
mod audit;
mod cache;
mod detector;
mod erasure;
mod hands;
mod jobs;
mod limiter;
mod objects;
mod picture;
mod posts;
mod purge;
mod reads;
mod relay;
mod sessions;
mod sweep;
mod text_model;
mod uploads;

pub use accounts::{AccountStore, CreateAccountError, Credentials, SetPictureError};
pub use answers::AnswerStore;
pub use audit::{AuditStore, AuditedUpload};
pub use cache::{AnnouncedCache, Found, NoCache, PublicCache, Versions};
pub use detector::Detector;
pub use erasure::ErasureStore;
pub use hands::{Ended, Hands};
pub use jobs::{Burial, ClaimRequest, JobQueue, QueueStats, SettleError};
pub use limiter::{RequestLimiter, SharedOrOwn};
pub use objects::{
    ByteStream, ListPage, ListedObject, ObjectInfo, ObjectStore, PresignedGet, PresignedPut,
    PutGrant, PutOptions, Reach,
};
pub use picture::{MadePicture, MakePictureError, PictureMaker};
pub use posts::{CreatePostError, Once, PostStore};
pub use purge::{Purge, PurgeHook};
pub use reads::{OneDatabase, PublicReads, Reader};
pub use relay::{
    Delivered, Delivery, DeliveryRequest, ForeignJob, HandOver, JobRelay, ReadyJob, Suspect, Take,
    TakeRequest, Verdict,
};
pub use sessions::{KNOWN_DEVICES, SessionStore, SigningKeyStore, StartSessionError};
pub use sweep::{LooseScan, Prunable, SweepStore};
pub use text_model::TextModel;
pub use uploads::{CreateTicketError, ImageVerdict, UploadStore};
