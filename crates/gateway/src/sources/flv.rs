//! HTTP-FLV.
mod ingest;

pub(crate) use ingest::FlvIngest;
