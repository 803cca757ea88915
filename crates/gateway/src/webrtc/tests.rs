//! Sessions against a plain engine as the peer, over a lossy link in virtual time.
mod link;
mod live;
mod measure;
mod player;
mod publisher;
mod table;
mod talk;
