//! What only edges ask. The gateway forwards none of it.

pub(crate) mod grant;
pub(crate) mod ticket;
