//! One router: who is in it, and what its endpoints may send each other.
use super::Core;
use super::keys::{DataProducerKey, ObserverKey, ProducerKey, RouterKey, TransportKey};
use crate::events::EventSource;
use crate::ids::{DataProducerId, ProducerId, RouterId};
use crate::router::RouterEvent;
use crate::rtp_parameters::RtpCapabilitiesFinalized;
use std::collections::HashMap;
use std::sync::Arc;

/// A router, or the part of one that is on this worker.
#[derive(Debug)]
pub(crate) struct RouterState {
    pub(crate) id: RouterId,
    pub(crate) capabilities: Arc<RtpCapabilitiesFinalized>,
    pub(crate) transports: Vec<TransportKey>,
    /// Producers that can be consumed here, mirrored ones too.
    pub(crate) producers: HashMap<ProducerId, ProducerKey>,
    pub(crate) data_producers: HashMap<DataProducerId, DataProducerKey>,
    pub(crate) observers: Vec<ObserverKey>,
    pub(crate) events: EventSource<RouterEvent>,
}

impl RouterState {
    pub(crate) fn new(id: RouterId, capabilities: Arc<RtpCapabilitiesFinalized>) -> Self {
        Self {
            id,
            capabilities,
            transports: Vec::new(),
            producers: HashMap::new(),
            data_producers: HashMap::new(),
            observers: Vec::new(),
            events: EventSource::default(),
        }
    }
}

impl Core {
    /// The part of a router on this worker, which begins when it is first needed.
    pub(crate) fn router(&mut self, id: RouterId, capabilities: &Arc<RtpCapabilitiesFinalized>) -> RouterKey {
        if let Some(key) = self.router_key(id) {
            return key;
        }
        let key = self.routers.insert(RouterState::new(id, capabilities.clone()));
        self.router_keys.insert(id, key);
        key
    }

    pub(crate) fn router_key(&self, id: RouterId) -> Option<RouterKey> {
        self.router_keys.get(&id).copied()
    }
}
