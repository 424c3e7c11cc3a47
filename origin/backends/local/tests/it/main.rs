//! The adapters against scripted services.

mod breaker;
mod caches;
mod detector;
mod limits;
mod openai;
mod purge;
mod replicas;
mod support;
mod text_model;
