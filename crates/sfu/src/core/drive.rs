//! Turns: what is due and whom to look at.
use super::bandwidth::{Again, send_again};
use super::batch::{Batch, Sink};
use super::consumer::{Need, TICK};
use super::producer::Origin;
use super::{Core, ProducerKey, TransportKey};
use crate::keyframe::{KeyFrameOutput, KeyFrameRequest};
use crate::receive::IncomingOutput;
use formats::rtp::rtcp;
use media::{Moment, WallTime};

/// Rounds of looking at each other in one turn: a consumer's wish is its producer's work, which is nobody's any more.
const ROUNDS_MAX: usize = 4;

impl Core {
    /// Hands out what is due and looks at whom something happened to. Returns when to come again at the latest.
    pub(crate) fn turn(&mut self, sink: &mut dyn Sink, wall: WallTime, now: Moment) -> Moment {
        self.say_farewells(sink);
        self.take_due_timers(now);
        for _ in 0..ROUNDS_MAX {
            self.hand_out(sink, now);
            if self.touched.is_empty() {
                break;
            }
            for key in std::mem::take(&mut self.touched) {
                self.drive(key, sink, wall, now);
            }
        }
        let observers_at = self.drive_observers(now);
        let timer = self.timers.first().map_or(Moment::FAR_FUTURE, |(at, _)| *at);
        let waiting = self.waiting.iter().filter_map(|key| self.producers.get(*key));
        let again = if self.touched.is_empty() { Moment::FAR_FUTURE } else { now };
        waiting
            .map(|producer| producer.pending_until())
            .min()
            .unwrap_or(Moment::FAR_FUTURE)
            .min(timer)
            .min(observers_at)
            .min(again)
    }

    fn take_due_timers(&mut self, now: Moment) {
        while let Some((at, key)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            if let Some(transport) = self.transports.get_mut(key) {
                transport.wake_at = Moment::FAR_FUTURE;
            }
            self.touch(key);
        }
    }

    /// The packets of whole frames, and of those that waited long enough.
    fn hand_out(&mut self, sink: &mut dyn Sink, now: Moment) {
        let mut due = std::mem::take(&mut self.due);
        let producers = &self.producers;
        self.waiting.retain(|key| match producers.get(*key) {
            Some(producer) if !producer.pending.is_empty() => {
                let over = producer.pending_until() <= now;
                if over {
                    due.push(*key);
                }
                !over
            }
            Some(_) | None => false,
        });
        for key in due.drain(..) {
            self.fan_out(key, sink, now);
        }
        self.due = due;
    }

    fn drive(&mut self, key: TransportKey, sink: &mut dyn Sink, wall: WallTime, now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        transport.touched = false;
        let mut wake_at = Moment::FAR_FUTURE;
        let mut batch = std::mem::take(&mut self.batch);
        if let Some(at) = self.drive_webrtc(key, &mut batch, sink, now) {
            wake_at = at;
        }
        self.send_again(key, &mut batch, sink, now);
        for producer in self.producers_of(key) {
            wake_at = wake_at.min(self.drive_producer(key, producer, &mut batch, sink, now));
        }
        wake_at = wake_at.min(self.drive_bandwidth(key, &mut batch, sink, now));
        wake_at = wake_at.min(self.drive_arrivals(key, &mut batch, sink, now));
        self.tick(key, now);
        self.report(key, &mut batch, sink, wall, now);
        match self.transports.get(key).and_then(|transport| transport.carrier.route()) {
            Some(route) => batch.flush(&route, sink),
            // what was written for a way that is gone must not go another one
            None => batch.clear(),
        }
        self.batch = batch;
        let Some(transport) = self.transports.get_mut(key) else { return };
        if !transport.consumers.is_empty() {
            wake_at = wake_at.min(transport.tick_at);
        }
        if !(transport.consumers.is_empty() && transport.producers.is_empty()) {
            wake_at = wake_at.min(transport.report_at);
        }
        if wake_at != transport.wake_at {
            self.timers.remove(&(transport.wake_at, key));
            transport.wake_at = wake_at;
            if wake_at != Moment::FAR_FUTURE {
                self.timers.insert((wake_at, key));
            }
        }
    }

    fn producers_of(&self, key: TransportKey) -> smallvec::SmallVec<[ProducerKey; 8]> {
        self.transports
            .get(key)
            .map(|transport| transport.producers.iter().copied().collect())
            .unwrap_or_default()
    }

    /// What the peer asked for again.
    fn send_again(&mut self, key: TransportKey, batch: &mut Batch, sink: &mut dyn Sink, now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        for (ssrc, lost) in std::mem::take(&mut transport.asked_again) {
            let consumer = transport.consumer_ssrcs.get(&ssrc);
            let Some(consumer) = consumer.and_then(|consumer| self.consumers.get_mut(*consumer)) else {
                continue;
            };
            consumer.handle_nack(ssrc, &lost, now, |produced, extensions, envelope| {
                let packet = (produced, extensions, envelope);
                send_again(transport, packet, Again::Repair, batch, sink, now);
            });
        }
    }

    /// NACKs, key frame requests and scores of one producer. Returns when to look again.
    fn drive_producer(
        &mut self,
        key: TransportKey,
        producer_key: ProducerKey,
        batch: &mut Batch,
        sink: &mut dyn Sink,
        now: Moment,
    ) -> Moment {
        let mut wake_at = Moment::FAR_FUTURE;
        let (Some(transport), Some(producer)) =
            (self.transports.get_mut(key), self.producers.get_mut(producer_key))
        else {
            return wake_at;
        };
        let own = transport.own_ssrc;
        let mut scored = false;
        let mut compound = Vec::new();
        let Origin::Receiving(receiving) = &mut producer.origin else { return wake_at };
        let trace = &mut producer.trace;
        for stream in &mut receiving.streams {
            if let Some(incoming) = &mut stream.incoming {
                loop {
                    match incoming.poll_output(now) {
                        IncomingOutput::Nack(lost) => {
                            let ssrc = stream.ssrc.unwrap_or(0);
                            rtcp::write_nack(own, ssrc, &lost, &mut compound);
                            if let Some(trace) = trace {
                                trace.nack(ssrc, lost.len(), now);
                            }
                        }
                        IncomingOutput::KeyFrameWanted => stream.keyframes.handle_request(),
                        IncomingOutput::Score(score) => {
                            stream.score = score;
                            scored = true;
                        }
                        IncomingOutput::WaitUntil(at) => {
                            wake_at = wake_at.min(at);
                            break;
                        }
                    }
                }
            }
            // a stream that never came cannot be asked
            let Some(ssrc) = stream.ssrc.filter(|_| stream.incoming.is_some()) else { continue };
            loop {
                match stream.keyframes.poll_output(now) {
                    KeyFrameOutput::Request(request) => {
                        match request {
                            KeyFrameRequest::Pli => rtcp::write_pli(own, ssrc, &mut compound),
                            KeyFrameRequest::Fir { sequence } => {
                                rtcp::write_fir(own, &[(ssrc, sequence)], &mut compound);
                            }
                        }
                        if let Some(incoming) = &mut stream.incoming {
                            incoming.count_key_frame_request(request);
                        }
                        if let Some(trace) = trace {
                            trace.key_frame_request(ssrc, request, now);
                        }
                    }
                    KeyFrameOutput::WaitUntil(at) => {
                        wake_at = wake_at.min(at);
                        break;
                    }
                }
            }
        }
        if !compound.is_empty() {
            transport.send_rtcp(&compound, batch, sink, now);
        }
        if scored {
            let scores: Vec<u8> = producer.tell_scores().iter().map(|score| score.score).collect();
            for relay in &producer.relays {
                if let Some(relay) = self.relays.get(*relay) {
                    relay.tell_scores(scores.clone());
                }
            }
        }
        wake_at
    }

    /// Looks at all consumers, when it is the time.
    fn tick(&mut self, key: TransportKey, now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        if now < transport.tick_at {
            return;
        }
        transport.tick_at = now + TICK;
        let mut wanted: smallvec::SmallVec<[(ProducerKey, u32); 4]> = smallvec::SmallVec::new();
        for consumer_key in &transport.consumers {
            let Some(consumer) = self.consumers.get_mut(*consumer_key) else { continue };
            let scores = self.producers.get(consumer.producer).map(|producer| producer.scores());
            let mut streams = 0u32;
            consumer.poll(&scores.unwrap_or_default(), now, |need| match need {
                Need::KeyFrame(stream) => streams |= 1 << stream.min(31),
                Need::Layers => {}
            });
            if streams != 0 {
                wanted.push((consumer.producer, streams));
            }
        }
        for (producer, streams) in wanted {
            self.want_key_frames(producer, streams);
        }
    }
}
