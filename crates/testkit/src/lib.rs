//! For tests only: simulated devices, seeded network, virtual time, load, and real peers.

pub mod load;
pub mod peers;
pub mod process;
