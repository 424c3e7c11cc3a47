//! What clients see of what is stored.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;
use sluicegate_contract::accounts as wire;
use sluicegate_contract::ids::AccountId;
use sluicegate_contract::media::{MediaKey, Picture};
use sluicegate_contract::posts as wire_posts;
use sluicegate_contract::token::Role;
use sluicegate_contract::uploads::{self as wire_uploads, Moderation, UploadState};
use sluicegate_core::account::{Account, ShownPicture};
use sluicegate_core::error::PortError;
use sluicegate_core::moderation::ImageGate;
use sluicegate_core::post::Post;
use sluicegate_core::upload::Upload;

use crate::auth::caller::Caller;
use crate::auth::previews::PreviewSigner;
use crate::error::ApiError;
use crate::state::App;

/// Through whose eyes: pictures that are held back are seen by their owner and by reviewers alone.
pub(crate) struct Eyes {
    gate: ImageGate,
    /// Whether a picture detector is configured.
    detector: bool,
    who: Option<(AccountId, Role)>,
    /// Where pictures are held back.
    signer: Option<PreviewSigner>,
}

impl Eyes {
    /// Somebody whom we do not know.
    pub(crate) fn anybody(app: &App) -> Self {
        Self {
            gate: app.config.image_gate,
            detector: app.config.image_checks,
            who: None,
            signer: None,
        }
    }

    /// Somebody with an account.
    pub(crate) async fn of(app: &App, account: AccountId, role: Role) -> Result<Self, PortError> {
        let signer = match app.config.image_gate {
            ImageGate::Open => None,
            ImageGate::Strict => Some(app.tokens.preview_signer().await?),
        };
        Ok(Self {
            who: Some((account, role)),
            signer,
            ..Self::anybody(app)
        })
    }

    /// `None` where it is hidden: with it goes all that was made of it, its blurhash too.
    fn picture(&self, shown: ShownPicture, owner: AccountId) -> Option<Picture> {
        let key = MediaKey(shown.upload);
        let preview_url = if self.gate.lets_through(shown.moderation) {
            None
        } else if shown.moderation == Moderation::Removed {
            return None;
        } else {
            Some(self.preview(key, owner)?)
        };
        Some(Picture {
            key,
            url: key.url(),
            preview_url,
            width: shown.width,
            height: shown.height,
            blurhash: shown.blurhash,
        })
    }

    fn preview(&self, key: MediaKey, owner: AccountId) -> Option<String> {
        let (account, role) = self.who?;
        let may = account == owner || matches!(role, Role::Reviewer | Role::Operator);
        self.signer
            .as_ref()
            .filter(|_| may)
            .map(|signer| signer.url(key))
    }

    pub(crate) fn profile(&self, account: Account) -> wire::Profile {
        let owner = account.id;
        let picture = |shown| self.picture(shown, owner);
        wire::Profile {
            handle: account.handle,
            display_name: account.display_name,
            bio: account.bio,
            avatar: account.avatar.and_then(picture),
            profile_header: account.profile_header.and_then(picture),
            created_at: account.created_at,
        }
    }

    pub(crate) fn account(&self, account: Account) -> wire::Account {
        wire::Account {
            id: account.id,
            role: account.role,
            profile: self.profile(account),
        }
    }

    pub(crate) fn post(&self, post: Post) -> wire_posts::Post {
        let owner = post.author.id;
        let picture = |shown| self.picture(shown, owner);
        wire_posts::Post {
            id: post.id,
            author: wire_posts::Author {
                handle: post.author.handle,
                display_name: post.author.display_name,
                avatar: post.author.avatar.and_then(picture),
            },
            body: post.body,
            header: post.header.and_then(picture),
            moderation: post.moderation,
            created_at: post.created_at,
        }
    }

    /// A post of one's own that was shown before. Addresses of previews end: they are made anew.
    pub(crate) fn post_again(&self, mut post: wire_posts::Post) -> wire_posts::Post {
        if let Some(signer) = &self.signer {
            let pictures = [post.author.avatar.as_mut(), post.header.as_mut()];
            for picture in pictures.into_iter().flatten() {
                let key = picture.key;
                picture.preview_url = picture.preview_url.take().map(|_| signer.url(key));
            }
        }
        post
    }

    pub(crate) fn upload(&self, upload: &Upload) -> wire_uploads::Upload {
        let derivative = upload.derivative.as_ref();
        let held_back = upload.can_be_shown() && !self.gate.lets_through(upload.moderation);
        let preview_url = held_back
            .then(|| self.preview(upload.key(), upload.owner))
            .flatten();
        wire_uploads::Upload {
            id: upload.id,
            key: upload.key(),
            url: upload.key().url(),
            preview_url,
            purpose: upload.purpose,
            status: upload.state,
            moderation: upload.moderation,
            moderation_expected: Some(self.detector && may_be_judged(upload)),
            reason: upload.reason.clone(),
            width: derivative.map(|made| made.width),
            height: derivative.map(|made| made.height),
            blurhash: derivative.map(|made| made.blurhash.clone()),
            revision: upload.revision,
            created_at: upload.created_at,
            received_at: upload.received_at,
            ready_at: upload.ready_at,
            moderated_at: upload.moderated_at,
        }
    }
}

/// Where a token is not needed, one that is sent counts only if something is held back.
impl FromRequestParts<Arc<App>> for Eyes {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let known = parts.headers.contains_key(header::AUTHORIZATION);
        if app.config.image_gate == ImageGate::Open || !known {
            return Ok(Self::anybody(app));
        }
        let caller = Caller::from_request_parts(parts, app).await?;
        Ok(Self::of(app, caller.account, caller.role).await?)
    }
}

fn may_be_judged(upload: &Upload) -> bool {
    let alive = match upload.state {
        UploadState::Ticketed
        | UploadState::Received
        | UploadState::Processing
        | UploadState::Ready => true,
        UploadState::Rejected | UploadState::Failed | UploadState::Expired => false,
    };
    alive && upload.moderation == Moderation::Unreviewed
}
