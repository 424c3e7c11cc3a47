//! Rows and objects as two lists in the order of upload ids, read page by page.

use std::collections::VecDeque;

use sluicegate_contract::ids::UploadId;

use crate::error::PortError;
use crate::ports::{AuditStore, AuditedUpload, ObjectStore};
use crate::upload::{MEDIA, STAGING, media_object, staged_object};

const PAGE: u32 = 500;

/// The rows.
pub(super) struct Rows<'a> {
    store: &'a dyn AuditStore,
    page: VecDeque<AuditedUpload>,
    after: Option<UploadId>,
    more: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(store: &'a dyn AuditStore) -> Self {
        Self {
            store,
            page: VecDeque::new(),
            after: None,
            more: true,
        }
    }

    /// The next, which stays the next until it is taken.
    pub(super) async fn head(&mut self) -> Result<Option<AuditedUpload>, PortError> {
        if self.page.is_empty() && self.more {
            self.page = self.store.uploads(self.after, PAGE).await?.into();
            self.after = self.page.back().map(|row| row.id);
            self.more = !self.page.is_empty();
        }
        Ok(self.page.front().copied())
    }

    /// Takes the next if it is that one.
    pub(super) fn take(&mut self, id: UploadId) -> Option<AuditedUpload> {
        self.page.pop_front_if(|row| row.id == id)
    }
}

/// The objects of one folder. The store lists them by their names, and our ids sort the same as text and as numbers.
pub(super) struct Objects<'a> {
    store: &'a dyn ObjectStore,
    prefix: &'static str,
    key: fn(UploadId) -> String,
    page: VecDeque<UploadId>,
    after: Option<String>,
    more: bool,
    strangers: u64,
}

impl<'a> Objects<'a> {
    pub(super) fn media(store: &'a dyn ObjectStore) -> Self {
        Self::new(store, MEDIA, media_object)
    }

    pub(super) fn staged(store: &'a dyn ObjectStore) -> Self {
        Self::new(store, STAGING, staged_object)
    }

    fn new(store: &'a dyn ObjectStore, prefix: &'static str, key: fn(UploadId) -> String) -> Self {
        Self {
            store,
            prefix,
            key,
            page: VecDeque::new(),
            after: None,
            more: true,
            strangers: 0,
        }
    }

    pub(super) async fn head(&mut self) -> Result<Option<UploadId>, PortError> {
        while self.page.is_empty() && self.more {
            let after = self.after.as_deref();
            let page = self.store.list(self.prefix, after, PAGE).await?;
            self.more = page.more && !page.objects.is_empty();
            self.after = page.objects.last().map(|object| object.key.clone());
            for object in page.objects {
                match self.upload(&object.key) {
                    Some(id) => self.page.push_back(id),
                    None => self.strangers += 1,
                }
            }
        }
        Ok(self.page.front().copied())
    }

    pub(super) fn take(&mut self, id: UploadId) -> bool {
        self.page.pop_front_if(|next| *next == id).is_some()
    }

    /// Objects so far whose names are not ours.
    pub(super) fn strangers(&self) -> u64 {
        self.strangers
    }

    /// Only the name that we would give it counts: another spelling would not be in order.
    fn upload(&self, key: &str) -> Option<UploadId> {
        let name = key.strip_prefix(self.prefix)?;
        let id = name.split('.').next()?.parse().ok()?;
        ((self.key)(id) == key).then_some(id)
    }
}
