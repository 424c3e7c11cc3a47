//! What the sniffer says of real files, and that no input confuses it.

mod corpus;
mod properties;
mod samples;
mod structure;
