pub(crate) mod sign_up;
