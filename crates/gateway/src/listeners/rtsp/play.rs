//! A player: DESCRIBE, SETUP, PLAY, and the media to it.
//!
//! Owns the hold on the stream, which tracks were chosen, what carries them, and the reader while it plays.
use super::connection::{Connection, Media, Refused, Role};
use super::dismissed;
use super::past::{Watched, Wish};
use super::udp::{UdpLane, UdpPlayer};
use crate::ingest::ports::PortPair;
use crate::listeners::choice;
use crate::net::outbox::{Outbox, Pump, Turned};
use crate::renditions::rtp::{self, FirstPacket, Lane};
use formats::rtp::clock_rate;
use formats::sdp::{self, SdpSpec};
use hub::{AttachError, Chunk, Deed, EndReason, Item, OpenError, Reader, StreamState, View};
use media::{Moment, StreamName, Track, TrackId, Tracks, rescale};
use protocols::rtsp::server::{Carrier, Output, Played, Target, TrackStart};
use std::io;
use std::net::SocketAddr;
use tokio::io::AsyncWrite;

/// To say where each track starts, this many chunks are looked at: some frames of video between two of sound.
const START_CHUNKS: usize = 64;

/// A player's stream.
pub(super) struct Playback {
    pub(super) view: View,
    /// As they were described.
    pub(super) tracks: Tracks,
    /// The track of each section of the description.
    pub(super) chosen: Vec<TrackId>,
    packet_bytes_max: usize,
    /// What carries each section, once it is set up.
    carriers: Vec<Option<Carried>>,
    state: State,
    /// The sections whose SSRC is known, once it plays.
    sources: Vec<(TrackId, u32)>,
    /// The stream that was asked for, and the query.
    pub(super) asked: (StreamName, String),
    /// The past that is played instead of the present.
    pub(super) past: Option<Watched>,
    /// Nothing of the past that is watched was played yet.
    pub(super) fresh: bool,
}

enum Carried {
    Tcp { rtp: u8, rtcp: u8 },
    Udp(UdpLane),
}

/// `Ready` ⇄ `Tcp` or `Udp`.
enum State {
    Ready,
    Tcp(Pump),
    Udp(Box<UdpPlayer>),
}

impl Connection {
    /// Opens the stream and chooses the tracks.
    async fn open(&self, target: &Target) -> Result<Playback, Refused> {
        let name = self.allowed(target, Deed::Read)?;
        let config = &self.config.rtsp;
        let past = Watched::of_query(self, &name, &target.query).await?;
        let stream = past.as_ref().map_or(&name, |past| &past.stream.name);
        let (view, offer) = self.view(stream, &target.query).await?;
        let chosen =
            choice::choose(&offer, &target.query, &config.default_query).map_err(|why| (404, why))?;
        // All of them, as the muxer sees them: payload types go by the place in this list, which only grows.
        let tracks = view.tracks();
        Ok(Playback {
            view,
            packet_bytes_max: choice::packet_bytes_max(&target.query, config.packet_bytes_max),
            carriers: chosen.iter().map(|_| None).collect(),
            tracks,
            chosen,
            state: State::Ready,
            sources: Vec::new(),
            asked: (name, target.query.clone()),
            past,
            fresh: true,
        })
    }

    /// A hold on a stream for a reader with this query, and the tracks that it has.
    pub(super) async fn view(&self, name: &StreamName, query: &str) -> Result<(View, Tracks), Refused> {
        let wants = choice::wants(query, &self.config.rtsp.default_query);
        let view = self.worker.open_for(name, wants).await.map_err(|error| match error {
            OpenError::NotFound(_) => (404, error.to_string()),
            OpenError::Shutdown => (503, error.to_string()),
        })?;
        let offer = view.ready().await.map_err(|error| match error.state {
            StreamState::Waiting | StreamState::Removed => (404, error.to_string()),
            StreamState::Idle
            | StreamState::Connecting
            | StreamState::Live
            | StreamState::Stalled
            | StreamState::Backoff
            | StreamState::GaveUp => (503, error.to_string()),
        })?;
        Ok((view, offer))
    }

    pub(super) async fn describe(&mut self, target: &Target) -> Result<(), Refused> {
        let asked_again = match &self.role {
            Role::Reader(playback) => playback.carriers.iter().any(Option::is_some),
            Role::Unknown | Role::Publisher(_) | Role::Dismissed(_) => false,
        };
        if !asked_again {
            self.role = Role::Reader(Box::new(self.open(target).await?));
        }
        if let Role::Reader(playback) = &self.role {
            let sdp = playback.description(self.local);
            self.session.describe_ok(sdp);
        }
        Ok(())
    }

    pub(super) async fn set_up_reader(
        &mut self,
        target: &Target,
        section: TrackId,
        carrier: &Carrier,
    ) -> Result<(), Refused> {
        if let Role::Unknown | Role::Dismissed(_) = self.role {
            // Without DESCRIBE: the player knows the stream from before.
            self.role = Role::Reader(Box::new(self.open(target).await?));
        }
        let Role::Reader(playback) = &mut self.role else {
            return Err((455, "a publisher cannot play on the same connection".into()));
        };
        let count = playback.chosen.len();
        let Some(slot) = playback.carriers.get_mut(usize::from(section)) else {
            return Err((404, format!("there is no track {section}: the stream has {count} here")));
        };
        let (carried, ports) = match carrier {
            Carrier::Tcp { rtp, rtcp } => (Carried::Tcp { rtp: *rtp, rtcp: *rtcp }, None),
            Carrier::Udp { rtp, rtcp } => {
                let pair = PortPair::sending(self.local)
                    .map_err(|error| (500, format!("no UDP ports could be had: {error}")))?;
                let ports = pair.ports();
                let ip = self.peer.ip();
                let (rtp, rtcp) = (SocketAddr::new(ip, *rtp), SocketAddr::new(ip, *rtcp));
                (Carried::Udp(UdpLane { section, pair, rtp, rtcp }), Some(ports))
            }
        };
        *slot = Some(carried);
        self.session.setup_ok(ports, None);
        Ok(())
    }

    /// PLAY: attaches the reader, says where the tracks start, and lets the media follow the reply.
    pub(super) async fn play(&mut self, wish: Wish) -> Result<(), Refused> {
        if self.turn_to(&wish).await?.is_some() {
            return Ok(());
        }
        let over_udp = match &self.role {
            Role::Reader(playback) => playback.is_over_udp(),
            Role::Unknown | Role::Publisher(_) | Role::Dismissed(_) => {
                return Err((455, "nothing is set up".into()));
            }
        };
        let peer = self.peer_info(over_udp);
        let Role::Reader(playback) = &mut self.role else { return Ok(()) };
        // One that plays goes on from elsewhere.
        let plays = playback.plays();
        playback.pause();
        let lanes = playback.lanes();
        let format =
            rtp::format(lanes.iter().map(|(_, lane)| lane.clone()).collect(), playback.packet_bytes_max);
        let mut reader = playback.view.reader(format, peer).map_err(|error| match error {
            AttachError::Unsuitable(_) => (415, error.to_string()),
            AttachError::Ended(_) | AttachError::Full(_) => (503, error.to_string()),
        })?;
        let begun = match &playback.past {
            Some(_) => playback.begin_past(&wish, &mut reader, &lanes).await,
            None => Ok((first_items(&mut reader, &lanes), Played::PRESENT)),
        };
        let (first, refusal) = match begun {
            Ok((first, played)) => {
                playback.sources = sources(&first, &lanes);
                self.session.played(&starts(&first, &lanes), &played);
                (first, None)
            }
            // It goes on as it did.
            Err(refusal) if plays => (Vec::new(), Some(refusal)),
            Err(refusal) => return Err(refusal),
        };
        // The reply goes out before the media. It is the one thing that waits in the session.
        if let Ok(Output::Transmit(bytes)) = self.session.poll_output(hub::now()) {
            self.outbox.push(bytes);
        }
        if over_udp {
            let lanes = playback.take_udp_lanes();
            let player = UdpPlayer::new(reader, lanes, first, self.peer.ip().to_canonical());
            playback.state = State::Udp(Box::new(player));
        } else {
            for item in &first {
                put(&mut self.outbox, item);
            }
            playback.state = State::Tcp(Pump::new(reader));
        }
        refusal.map_or(Ok(()), Err)
    }
}

impl Playback {
    fn description(&self, local: std::net::IpAddr) -> String {
        let mut spec = SdpSpec::describe(self.view.name().as_str(), &self.tracks);
        spec.origin = local;
        spec.sections.retain(|section| self.chosen.contains(&section.track.id));
        // A section's number is its place among the chosen.
        spec.sections.sort_by_key(|section| self.chosen.iter().position(|id| *id == section.track.id));
        for (index, section) in spec.sections.iter_mut().enumerate() {
            section.control = format!("trackID={index}");
        }
        sdp::write(&spec)
    }

    fn track(&self, section: usize) -> Option<&Track> {
        self.tracks.get(usize::from(*self.chosen.get(section)?))
    }

    fn is_over_udp(&self) -> bool {
        match &self.state {
            State::Udp(_) => true,
            State::Tcp(_) => false,
            State::Ready => self.carriers.iter().flatten().any(|carried| matches!(carried, Carried::Udp(_))),
        }
    }

    /// The sections that are set up.
    fn lanes(&self) -> Vec<(TrackId, Lane)> {
        let mut lanes = Vec::new();
        for (section, carried) in self.carriers.iter().enumerate() {
            let channels = match carried {
                Some(Carried::Tcp { rtp, rtcp }) => Some((*rtp, *rtcp)),
                Some(Carried::Udp(_)) => None,
                None => continue,
            };
            if let Some(track) = self.track(section) {
                lanes.push((section as TrackId, Lane { track: track.clone(), channels }));
            }
        }
        lanes
    }

    fn take_udp_lanes(&mut self) -> Vec<(TrackId, UdpLane)> {
        let mut lanes = Vec::new();
        for section in 0..self.carriers.len() {
            let Some(id) = self.track(section).map(|track| track.id) else { continue };
            match self.carriers[section].take() {
                Some(Carried::Udp(lane)) => lanes.push((id, lane)),
                other => self.carriers[section] = other,
            }
        }
        lanes
    }

    /// PAUSE: the reader goes; the next PLAY starts at the newest key frame.
    pub(super) fn pause(&mut self) {
        if let State::Udp(player) = std::mem::replace(&mut self.state, State::Ready) {
            for lane in player.into_lanes() {
                let section = usize::from(lane.section);
                self.carriers[section] = Some(Carried::Udp(lane));
            }
        }
    }

    /// Media is on its way.
    pub(super) fn plays(&self) -> bool {
        !matches!(self.state, State::Ready)
    }

    pub(super) fn is_playing_over_tcp(&self) -> bool {
        matches!(self.state, State::Tcp(_))
    }

    /// The policy for slow readers, where no write waits.
    pub(super) fn check(&mut self, now: Moment) -> Option<EndReason> {
        match &mut self.state {
            State::Udp(player) => player.check(now),
            State::Ready | State::Tcp(_) => None,
        }
    }

    /// Tells the player of each track that nothing more comes (RFC 3550 §6.6).
    pub(super) fn say_bye(&self, outbox: &mut Outbox) {
        if let State::Udp(player) = &self.state {
            return player.say_bye(&self.sources);
        }
        for (section, ssrc) in &self.sources {
            if let Some(Some(Carried::Tcp { rtcp, .. })) = self.carriers.get(usize::from(*section)) {
                let mut frame = Vec::new();
                rtp::push_frame(*rtcp, &dismissed::bye(*ssrc), &mut frame);
                outbox.push(frame.into());
            }
        }
    }

    /// Ends the reader with a reason.
    pub(super) fn leave(self, why: String) {
        match self.state {
            State::Tcp(pump) => pump.into_reader().leave(why),
            State::Udp(player) => player.leave(why),
            State::Ready => {}
        }
    }

    /// Moves what can be moved.
    pub(super) async fn turn<W: AsyncWrite + Unpin>(
        &mut self,
        outbox: &mut Outbox,
        to: &mut W,
    ) -> io::Result<Media> {
        match &mut self.state {
            State::Ready => outbox.write(to).await.map(|_| Media::Moved),
            State::Tcp(pump) => match pump.turn_mapped(outbox, to, put).await? {
                Turned::Goes => Ok(Media::Moved),
                Turned::Ended(reason) => Ok(dismissed::of_end(&reason)),
            },
            State::Udp(player) => tokio::select! {
                biased;
                written = outbox.write(to) => written.map(|_| Media::Moved),
                turned = player.turn() => Ok(turned),
            },
        }
    }
}

fn put(outbox: &mut Outbox, item: &Item) {
    match item {
        Item::Header(header) => outbox.push(header.clone()),
        Item::Chunk(chunk) => outbox.push_chunk(chunk),
        Item::Ended(_) => {}
    }
}

/// What the reader has at once, until each track was seen.
pub(super) fn first_items(reader: &mut Reader, lanes: &[(TrackId, Lane)]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut unseen: Vec<TrackId> = lanes.iter().map(|(_, lane)| lane.track.id).collect();
    while !unseen.is_empty() && items.len() < START_CHUNKS {
        match reader.try_next() {
            Some(Item::Chunk(chunk)) => {
                unseen.retain(|id| *id != chunk.track);
                items.push(Item::Chunk(chunk));
            }
            Some(Item::Header(header)) => items.push(Item::Header(header)),
            Some(Item::Ended(_)) | None => break,
        }
    }
    items
}

fn chunks(items: &[Item]) -> impl Iterator<Item = &Chunk> {
    items.iter().filter_map(|item| match item {
        Item::Chunk(chunk) => Some(&**chunk),
        Item::Header(_) | Item::Ended(_) => None,
    })
}

/// For each section that was seen: the SSRC of its packets.
fn sources(items: &[Item], lanes: &[(TrackId, Lane)]) -> Vec<(TrackId, u32)> {
    let source = |(section, lane): &(TrackId, Lane)| {
        let chunk = chunks(items).find(|chunk| chunk.track == lane.track.id)?;
        Some((*section, rtp::first_packet(chunk)?.ssrc))
    };
    lanes.iter().filter_map(source).collect()
}

/// For each track: the number of its first packet, and its RTP time at the one moment when the first frame is shown.
fn starts(items: &[Item], lanes: &[(TrackId, Lane)]) -> Vec<TrackStart> {
    let lane_of = |id| lanes.iter().find(|(_, lane)| lane.track.id == id).map(|(_, lane)| lane);
    let Some(first) = chunks(items).next() else { return Vec::new() };
    let Some(first_rate) = lane_of(first.track).map(|lane| lane.track.clock_rate) else { return Vec::new() };
    let start = |(section, lane): &(TrackId, Lane)| {
        let chunk = chunks(items).find(|chunk| chunk.track == lane.track.id)?;
        let FirstPacket { sequence, rtp_time, .. } = rtp::first_packet(chunk)?;
        let rate = clock_rate(&lane.track);
        let ahead = rescale(chunk.pts, lane.track.clock_rate, rate) - rescale(first.pts, first_rate, rate);
        Some(TrackStart { track: *section, sequence, rtptime: rtp_time.wrapping_sub(ahead as u32) })
    };
    lanes.iter().filter_map(start).collect()
}
