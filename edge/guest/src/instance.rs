//! What an instance knows for as long as it lives.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use sluicegate_policy::authenticator::Authenticator;
use sluicegate_policy::settings::{Settings, SettingsError};

use crate::wasi::variables;

thread_local! {
    // A component has no other place for what outlives a request; each instance has its own.
    static INSTANCE: OnceCell<Rc<Instance>> = const { OnceCell::new() };
}

/// Settings and remembered tokens.
pub struct Instance {
    /// Read once.
    pub settings: Settings,
    pub(crate) authenticator: RefCell<Authenticator>,
}

impl Instance {
    /// The instance's; the settings are read at its first request, and again while they are wrong.
    pub async fn get() -> Result<Rc<Self>, SettingsError> {
        if let Some(instance) = INSTANCE.with(|cell| cell.get().cloned()) {
            return Ok(instance);
        }
        let (settings, authenticator) = variables().await.check()?;
        let made = Rc::new(Self {
            settings,
            authenticator: RefCell::new(authenticator),
        });
        Ok(INSTANCE.with(|cell| cell.get_or_init(|| made).clone()))
    }
}
