//! A camera among accessories: its stream managements, what of it is wanted, what it may tell.
use super::wanted::Picture;
use crate::homekit::sound::packet_ms;
use protocols::hap::accessory::{
    Accessory, CharacteristicId, KnownCharacteristic, Service, TypeId, characteristics as is, services,
};
use protocols::hap::camera::{
    AudioCodec, AudioConfiguration, CryptoSuite, H264Level, H264Profile, SampleRate, SelectedVideoCodec,
    StreamingStatus, SupportedAudio, SupportedRtp, SupportedVideo, VideoAttributes,
};
use serde_json::Value;
use std::collections::HashMap;

/// Bits that a pixel of a frame takes, a thousand of them: 50, so that 1080p at 30 frames gets 3.1 Mbit/s and 720p 1.4.
const MILLIBITS_A_PIXEL: u64 = 50;
/// Least bit rate that is asked for by ourselves: 300 kbit/s, Apple's least for a picture.
const KBITS_MIN: u16 = 300;

/// One stream that a camera can send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Management {
    pub(super) setup: CharacteristicId,
    pub(super) selected: CharacteristicId,
    pub(super) status: CharacteristicId,
    video: CharacteristicId,
    audio: CharacteristicId,
    rtp: CharacteristicId,
}

/// What may happen at a camera.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// Somebody rings.
    Doorbell,
    /// Something moves, or no longer does.
    Motion,
    /// Somebody is there, or no longer is.
    Occupancy,
}

/// A camera.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Camera {
    pub(super) managements: Vec<Management>,
    pub(super) watched: Vec<(CharacteristicId, Told)>,
    pub(super) speaker: Option<Loudspeaker>,
}

/// The loudspeaker of a camera.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Loudspeaker {
    /// What mutes it, if anything does.
    pub(super) mute: Option<CharacteristicId>,
}

impl Camera {
    /// The camera with this number, or the first. None: there is none.
    pub(super) fn find(accessories: &[Accessory], aid: Option<u64>) -> Option<Self> {
        let all = accessories.iter().filter(|accessory| aid.is_none_or(|aid| accessory.aid == aid));
        all.map(Self::of).find(|camera| !camera.managements.is_empty())
    }

    fn of(accessory: &Accessory) -> Self {
        let mut camera = Self { managements: Vec::new(), watched: Vec::new(), speaker: None };
        let aid = accessory.aid;
        for service in &accessory.services {
            let id = |known: &KnownCharacteristic| {
                service.find(known).map(|found| CharacteristicId { aid, iid: found.iid })
            };
            if is_of(service, services::CAMERA_RTP_STREAM_MANAGEMENT) {
                camera.managements.extend((|| {
                    Some(Management {
                        setup: id(&is::SETUP_ENDPOINTS)?,
                        selected: id(&is::SELECTED_STREAM)?,
                        status: id(&is::STREAMING_STATUS)?,
                        video: id(&is::SUPPORTED_VIDEO)?,
                        audio: id(&is::SUPPORTED_AUDIO)?,
                        rtp: id(&is::SUPPORTED_RTP)?,
                    })
                })());
            }
            if is_of(service, services::SPEAKER) {
                camera.speaker.get_or_insert(Loudspeaker { mute: id(&is::MUTE) });
            }
            for (known, told) in [
                // of a doorbell only: other buttons are remote controls'
                (is::PROGRAMMABLE_SWITCH_EVENT, Told::Doorbell),
                (is::MOTION_DETECTED, Told::Motion),
                (is::OCCUPANCY_DETECTED, Told::Occupancy),
            ] {
                let watches = told != Told::Doorbell || is_of(service, services::DOORBELL);
                let found = service.find(&known).filter(|found| watches && found.perms.notify);
                camera.watched.extend(found.map(|found| (CharacteristicId { aid, iid: found.iid }, told)));
            }
        }
        camera
    }
}

fn is_of(service: &Service, known: protocols::hap::accessory::KnownService) -> bool {
    service.kind == TypeId::Apple(known.number)
}

impl Management {
    /// What is read before it is used.
    pub(super) const fn to_read(&self) -> [CharacteristicId; 4] {
        [self.video, self.audio, self.rtp, self.status]
    }

    /// Reads what the camera said to [`Management::to_read`].
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn abilities(&self, values: &HashMap<CharacteristicId, Value>) -> Result<Abilities, String> {
        let text = |id: CharacteristicId| values.get(&id).and_then(Value::as_str).unwrap_or_default();
        let wrong = |what: &'static str| {
            move |error: protocols::hap::tlv8::Tlv8Error| {
                format!("what it says of its {what} makes no sense: {error}")
            }
        };
        Ok(Abilities {
            video: SupportedVideo::from_base64(text(self.video)).map_err(wrong("pictures"))?,
            // a camera without sound may say nothing at all
            audio: SupportedAudio::from_base64(text(self.audio))
                .unwrap_or(SupportedAudio { configurations: Vec::new(), comfort_noise: false }),
            rtp: SupportedRtp::from_base64(text(self.rtp)).map_err(wrong("encryption"))?,
            is_free: !matches!(
                StreamingStatus::from_base64(text(self.status)),
                Ok(StreamingStatus::InUse | StreamingStatus::Unavailable)
            ),
        })
    }
}

/// What one stream of a camera can be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Abilities {
    video: SupportedVideo,
    audio: SupportedAudio,
    rtp: SupportedRtp,
    /// Nobody watches it yet.
    pub(super) is_free: bool,
}

/// What is chosen of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Choice {
    pub(super) codec: SelectedVideoCodec,
    pub(super) attributes: VideoAttributes,
    pub(super) kbits: u16,
    pub(super) audio: Option<AudioConfiguration>,
}

impl Abilities {
    /// The best picture that is no larger than wanted, and sound.
    ///
    /// # Errors
    /// There is none that we can take.
    pub(super) fn choose(&self, wanted: &Picture) -> Result<Choice, String> {
        if !self.rtp.suites.contains(&CryptoSuite::AesCm128) {
            return Err(
                "it cannot encipher with AES_CM_128_HMAC_SHA1_80, and nothing else is taken".to_owned()
            );
        }
        let all = self.video.configurations.iter().flat_map(|configuration| {
            configuration.attributes.iter().map(move |attributes| (configuration, *attributes))
        });
        let fits = |attributes: &VideoAttributes| {
            wanted.width.is_none_or(|width| attributes.width <= width)
                && wanted.height.is_none_or(|height| attributes.height <= height)
                && wanted.fps.is_none_or(|fps| attributes.fps <= fps)
        };
        // of those that fit the largest, else the smallest; of one size that with most frames
        let rank = |attributes: &VideoAttributes| {
            let size = i64::from(attributes.width) * i64::from(attributes.height);
            match fits(attributes) {
                true => (1, size, i16::from(attributes.fps)),
                false => (0, -size, -i16::from(attributes.fps)),
            }
        };
        let best = all.max_by_key(|(_, attributes)| rank(attributes));
        let (configuration, mut attributes) = best.ok_or("it has no picture in H.264")?;
        // a camera that can 30 frames can fewer, unless it lists what it can
        if let Some(fps) = wanted.fps {
            attributes.fps = attributes.fps.min(fps.max(1));
        }
        let profiles = [H264Profile::High, H264Profile::Main, H264Profile::Baseline];
        let levels = [H264Level::L40, H264Level::L32, H264Level::L31];
        let profile = profiles.into_iter().find(|profile| configuration.profiles.contains(profile));
        let level = levels.into_iter().find(|level| configuration.levels.contains(level));
        let codec = SelectedVideoCodec {
            profile: profile.ok_or("it names no profile of H.264")?,
            level: level.ok_or("it names no level of H.264")?,
        };
        Ok(Choice {
            codec,
            attributes,
            kbits: wanted.kbits.unwrap_or_else(|| kbits(attributes)),
            audio: self.sound(),
        })
    }

    /// Opus before AAC-ELD, the higher rate first; others are not asked for.
    fn sound(&self) -> Option<AudioConfiguration> {
        let rank = |configuration: &&AudioConfiguration| match configuration.codec {
            AudioCodec::Opus => Some((1, configuration.rate.hz())),
            // 16 kHz is what all speak
            AudioCodec::AacEld => Some((0, if configuration.rate == SampleRate::Khz16 { 1 } else { 0 })),
            AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::Msbc | AudioCodec::Amr | AudioCodec::AmrWb => {
                None
            }
        };
        let best = self.audio.configurations.iter().filter(|one| rank(one).is_some()).max_by_key(rank)?;
        Some(AudioConfiguration { packet_ms: packet_ms(best.codec, best.rate), ..*best })
    }
}

fn kbits(picture: VideoAttributes) -> u16 {
    let pixels = u64::from(picture.width) * u64::from(picture.height) * u64::from(picture.fps);
    u16::try_from(pixels * MILLIBITS_A_PIXEL / 1_000_000).unwrap_or(u16::MAX).max(KBITS_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocols::hap::accessory::{CameraOptions, Information};
    use protocols::hap::camera::VideoConfiguration;

    fn picture(width: u16, height: u16, fps: u8) -> VideoAttributes {
        VideoAttributes { width, height, fps }
    }

    fn sound(codec: AudioCodec, rate: SampleRate) -> AudioConfiguration {
        AudioConfiguration { codec, channels: 1, constant_bitrate: false, rate, packet_ms: None }
    }

    fn options() -> CameraOptions {
        let video = VideoConfiguration {
            profiles: vec![H264Profile::Baseline, H264Profile::Main],
            levels: vec![H264Level::L31, H264Level::L40],
            attributes: vec![picture(1280, 720, 30), picture(1920, 1080, 30), picture(640, 360, 15)],
        };
        CameraOptions {
            video: SupportedVideo { configurations: vec![video] },
            audio: SupportedAudio {
                configurations: vec![
                    sound(AudioCodec::AacEld, SampleRate::Khz16),
                    sound(AudioCodec::Opus, SampleRate::Khz16),
                    sound(AudioCodec::Opus, SampleRate::Khz24),
                ],
                comfort_noise: false,
            },
            rtp: SupportedRtp { suites: vec![CryptoSuite::AesCm128] },
            streams: 2,
            speaker: false,
            doorbell: true,
            motion: true,
            recording: None,
        }
    }

    fn abilities(options: CameraOptions) -> Abilities {
        Abilities { video: options.video, audio: options.audio, rtp: options.rtp, is_free: true }
    }

    #[test]
    fn a_camera_is_found_with_its_streams_and_what_it_tells_of() {
        let information = Information {
            name: "Door".into(),
            manufacturer: "A".into(),
            model: "B".into(),
            serial_number: "1".into(),
            firmware: "1.0.0".into(),
        };
        let bridge = Accessory::new(1, &information);
        let (camera, ids) = Accessory::camera(7, &information, &options());
        let accessories = [bridge, camera];
        let found = Camera::find(&accessories, None).unwrap();
        let streams: Vec<_> =
            found.managements.iter().map(|one| (one.setup, one.selected, one.status)).collect();
        let expected: Vec<_> =
            ids.streams.iter().map(|one| (one.setup_endpoints, one.selected, one.status)).collect();
        assert_eq!(streams, expected);
        let watched = [(ids.pressed.unwrap(), Told::Doorbell), (ids.motion.unwrap(), Told::Motion)];
        assert_eq!(found.watched, watched);
        assert_eq!(Camera::find(&accessories, Some(7)), Some(found));
        assert_eq!(Camera::find(&accessories, Some(1)), None);

        let with_speaker = CameraOptions { speaker: true, ..options() };
        let (camera, _) = Accessory::camera(7, &information, &with_speaker);
        let speaker = Camera::find(&[camera], None).unwrap().speaker;
        assert!(speaker.is_some_and(|speaker| speaker.mute.is_some()));
        assert_eq!(Camera::find(&accessories, None).unwrap().speaker, None);

        let management = &Camera::find(&accessories, None).unwrap().managements[0];
        let values = accessories[1].services.iter().flat_map(|service| &service.characteristics);
        let values =
            values.filter_map(|one| Some((CharacteristicId { aid: 7, iid: one.iid }, one.value.clone()?)));
        assert_eq!(management.abilities(&values.collect()), Ok(abilities(options())));
    }

    #[test]
    fn the_best_picture_that_fits_is_chosen_with_opus() {
        let choose = |picture| abilities(options()).choose(&picture).unwrap();
        let best = choose(Picture::default());
        assert_eq!(best.attributes, picture(1920, 1080, 30));
        assert_eq!(best.codec, SelectedVideoCodec { profile: H264Profile::Main, level: H264Level::L40 });
        assert_eq!((best.kbits, best.audio.unwrap().rate), (3110, SampleRate::Khz24));
        let small = choose(Picture { width: Some(1300), kbits: Some(900), ..Picture::default() });
        assert_eq!((small.attributes, small.kbits), (picture(1280, 720, 30), 900));
        let smallest = choose(Picture { height: Some(100), ..Picture::default() });
        assert_eq!((smallest.attributes, smallest.kbits), (picture(640, 360, 15), KBITS_MIN));
        let slow = choose(Picture { width: Some(1920), fps: Some(10), ..Picture::default() });
        assert_eq!(slow.attributes, picture(640, 360, 10));
    }

    #[test]
    fn a_camera_that_cannot_be_watched_says_why() {
        let mut unsafe_one = options();
        unsafe_one.rtp.suites = vec![CryptoSuite::None];
        let mut blind = options();
        blind.video.configurations.clear();
        for (options, why) in [(unsafe_one, "AES_CM_128"), (blind, "no picture")] {
            let error = abilities(options).choose(&Picture::default()).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let mut silent = options();
        silent.audio.configurations.clear();
        assert_eq!(abilities(silent).choose(&Picture::default()).unwrap().audio, None);
    }
}
