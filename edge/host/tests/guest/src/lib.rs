//! A component for tests.
