use async_trait::async_trait;
use sluicegate_contract::ids::{AccountId, UploadId};
use sluicegate_contract::time::Timestamp;
use sluicegate_contract::token::Role;
use uuid::Uuid;

use crate::account::{Account, NewAccount, PictureSlot};
use crate::answer::RequestName;
use crate::error::PortError;
use crate::job::NewJob;
use crate::session::NewSession;

/// What a log-in is checked against.
#[derive(Clone)]
pub struct Credentials {
    /// Whose.
    pub account: AccountId,
    /// A PHC string (argon2id).
    pub password_hash: String,
    /// Its owner has deleted it, and can restore it until then.
    pub delete_after: Option<Timestamp>,
}

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateAccountError {
    /// Somebody has that handle.
    #[error("the handle is taken")]
    HandleTaken,
    /// The database could not do it.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why a picture was not set.
#[derive(Debug, thiserror::Error)]
pub enum SetPictureError {
    /// No such upload, somebody else's, of another purpose, not arrived, or removed. They are not told apart,
    /// so that nobody can find out about the uploads of others.
    #[error("the upload cannot be used here")]
    Unsuitable,
    /// The database could not do it.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Accounts and profiles.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Makes an account and its first session. Not idempotent: a repeat says `HandleTaken`.
    async fn create(
        &self,
        account: &NewAccount,
        session: &NewSession,
    ) -> Result<Account, CreateAccountError>;

    /// The same under a name, which is written in the same transaction: after it the session is found by that name
    /// ([`SessionStore::start_once`](super::SessionStore::start_once)). The name's owner is the new account.
    async fn create_once(
        &self,
        account: &NewAccount,
        session: &NewSession,
        name: &RequestName,
    ) -> Result<Account, CreateAccountError>;

    /// What a log-in with this handle is checked against. `None` also for an account that is being erased.
    async fn credentials(&self, handle: &str) -> Result<Option<Credentials>, PortError>;

    /// The account.
    async fn account(&self, id: AccountId) -> Result<Option<Account>, PortError>;

    /// The account with that handle, as everybody sees it: one whose owner has deleted it is not there.
    async fn by_handle(&self, handle: &str) -> Result<Option<Account>, PortError>;

    /// Changes shown name or text; `None` leaves as it is. `None` if there is no such account.
    async fn update_profile(
        &self,
        id: AccountId,
        display_name: Option<&str>,
        bio: Option<&str>,
    ) -> Result<Option<Account>, PortError>;

    /// Shows an upload in a slot, from state `received` on. The check and the change are one
    /// statement, so a removal that comes between cannot be overwritten. Idempotent.
    async fn set_picture(
        &self,
        id: AccountId,
        slot: PictureSlot,
        upload: UploadId,
    ) -> Result<Account, SetPictureError>;

    /// Shows nothing in a slot. Idempotent. `None` if there is no such account.
    async fn clear_picture(
        &self,
        id: AccountId,
        slot: PictureSlot,
    ) -> Result<Option<Account>, PortError>;

    /// Gives the account with that handle a role, and says which it had. If that is another one, `record` is written
    /// with it, in one transaction. Sessions that live have the new role with their next request. Idempotent. `None` if
    /// there is no such account.
    async fn set_role(
        &self,
        handle: &str,
        role: Role,
        record: Uuid,
        now: Timestamp,
    ) -> Result<Option<Role>, PortError>;

    /// Its owner deletes the account: it is hidden at once, with its posts and pictures, all its sessions end, and at
    /// `delete_after` it is ready to be erased. Answers when that is: the first call decides, and `job` is committed with
    /// that one alone. `None` if there is no such account, or it is being erased.
    async fn leave(
        &self,
        id: AccountId,
        now: Timestamp,
        delete_after: Timestamp,
        job: &NewJob,
    ) -> Result<Option<Timestamp>, PortError>;

    /// Takes that back; only sessions do not come again. `false` if it is too late. Idempotent.
    async fn restore(&self, id: AccountId, now: Timestamp) -> Result<bool, PortError>;

    /// Whether its owner has deleted the account; also if it is gone.
    async fn is_hidden(&self, id: AccountId) -> Result<bool, PortError>;

    /// Counts one attempt under `key` and says how many there were since `since`, this one included.
    /// Older ones are forgotten. Used to limit log-ins and sign-ups; shared by all replicas.
    async fn count_attempt(
        &self,
        key: &str,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<u64, PortError>;

    /// Forgets the attempts under `key`: a log-in was right. Idempotent.
    async fn forget_attempts(&self, key: &str) -> Result<(), PortError>;

    /// Answers if the database does.
    async fn ping(&self) -> Result<(), PortError>;
}
