//! ICE of one transport, the lite side: from which addresses its peer may talk to it.
