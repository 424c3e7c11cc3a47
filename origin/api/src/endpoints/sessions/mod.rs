pub(crate) mod log_in;
pub(crate) mod log_out;
pub(crate) mod refresh;
