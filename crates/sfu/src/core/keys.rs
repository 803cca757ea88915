//! Keys of what one worker owns. A key of something that is gone finds nothing, also when its place is taken again.
slotmap::new_key_type! {
    pub(crate) struct ServerKey;
    pub(crate) struct RouterKey;
    pub(crate) struct TransportKey;
    pub(crate) struct ProducerKey;
    pub(crate) struct ConsumerKey;
    pub(crate) struct RelayKey;
    pub(crate) struct ObserverKey;
    pub(crate) struct DataProducerKey;
    pub(crate) struct DataConsumerKey;
    pub(crate) struct PortKey;
}
