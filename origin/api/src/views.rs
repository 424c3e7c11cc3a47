//! What clients see of what is stored.

use sluicegate_contract::accounts as wire;
use sluicegate_contract::media::{MediaKey, Picture};
use sluicegate_contract::posts as wire_posts;
use sluicegate_contract::uploads::{self as wire_uploads, Moderation, UploadState};
use sluicegate_core::account::{Account, ShownPicture};
use sluicegate_core::post::Post;
use sluicegate_core::upload::Upload;

pub(crate) fn picture(shown: ShownPicture) -> Picture {
    let key = MediaKey(shown.upload);
    Picture {
        key,
        url: key.url(),
        width: shown.width,
        height: shown.height,
        blurhash: shown.blurhash,
    }
}

pub(crate) fn profile(account: Account) -> wire::Profile {
    wire::Profile {
        handle: account.handle,
        display_name: account.display_name,
        bio: account.bio,
        avatar: account.avatar.map(picture),
        profile_header: account.profile_header.map(picture),
        created_at: account.created_at,
    }
}

pub(crate) fn account(account: Account) -> wire::Account {
    wire::Account {
        id: account.id,
        role: account.role,
        profile: profile(account),
    }
}

pub(crate) fn post(post: Post) -> wire_posts::Post {
    wire_posts::Post {
        id: post.id,
        author: wire_posts::Author {
            handle: post.author.handle,
            display_name: post.author.display_name,
            avatar: post.author.avatar.map(picture),
        },
        body: post.body,
        header: post.header.map(picture),
        moderation: post.moderation,
        created_at: post.created_at,
    }
}

/// `detector`: whether one is configured.
pub(crate) fn upload(upload: &Upload, detector: bool) -> wire_uploads::Upload {
    let derivative = upload.derivative.as_ref();
    wire_uploads::Upload {
        id: upload.id,
        key: upload.key(),
        url: upload.key().url(),
        purpose: upload.purpose,
        status: upload.state,
        moderation: upload.moderation,
        moderation_expected: Some(detector && may_be_judged(upload)),
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
