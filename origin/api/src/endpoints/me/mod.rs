pub(crate) mod clear_picture;
pub(crate) mod get;
pub(crate) mod leave;
pub(crate) mod patch;
pub(crate) mod set_picture;
