//! The application as a peer: packets in and out of the process's own hands.
use super::carrier::Carrier;
use super::{Core, RouterKey, TransportKey};
use crate::direct_transport::{DirectTransportEvent, DirectTransportOptions};
use crate::events::{EventSource, Listener};
use crate::ids::TransportId;
use bytes::Bytes;
use media::Moment;

/// What only a direct transport has.
#[derive(Debug, Default)]
pub(crate) struct Direct {
    pub(crate) events: EventSource<DirectTransportEvent>,
}

impl Direct {
    pub(crate) fn deliver_rtcp(&mut self, compound: &[u8]) {
        self.events.emit(DirectTransportEvent::Rtcp(Bytes::copy_from_slice(compound)));
    }
}

impl Core {
    pub(crate) fn create_direct_transport(
        &mut self,
        router: RouterKey,
        options: DirectTransportOptions,
        now: Moment,
    ) -> (TransportId, TransportKey) {
        let carrier = Carrier::Direct(Direct::default());
        let made = self.add_transport(router, TransportId::random(), carrier, now);
        if let Some(transport) = self.transports.get_mut(made.1) {
            let bytes = |max: u32| usize::try_from(max).unwrap_or(usize::MAX);
            transport.data.from_application_max = bytes(options.max_receive_message_size);
            transport.data.to_application_max = bytes(options.max_send_message_size);
        }
        made
    }

    pub(crate) fn listen_direct(&mut self, key: TransportKey, place: Listener<DirectTransportEvent>) {
        let carrier = self.transports.get_mut(key).map(|transport| &mut transport.carrier);
        if let Some(Carrier::Direct(direct)) = carrier {
            direct.events.listen(place);
        }
    }
}
