//! Who is asking: passwords, sessions, and the tokens that stand for them.

pub(crate) mod caller;
pub(crate) mod ended;
pub(crate) mod keys;
pub(crate) mod passwords;
pub(crate) mod previews;
pub(crate) mod reader;
pub(crate) mod session;
pub(crate) mod tokens;
