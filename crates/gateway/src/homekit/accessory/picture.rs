//! A snapshot: the newest key frame of a stream as JPEG, as large as a controller asks for.
//!
//! H.264 and H.265 are decoded by an ffmpeg of its own, which gets one picture and ends; MJPEG is a JPEG already, and goes as
//! it is. Whoever asks waits at most [`PICTURE_MAX`], which is shorter than what controllers wait.
use crate::net::child::{Children, Spec};
use bytes::{Bytes, BytesMut};
use formats::bitstream::nal::{put_annexb, split_length_prefixed};
use hub::{Format, Hub, Item, PeerInfo, Wants, Worker};
use media::{Codec, CodecParams, Kind, StreamName, Track};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

/// A picture takes at most so long: 8 s. A cold camera takes 2 s, ffmpeg 200 ms; phones wait 10 s.
const PICTURE_MAX: Duration = Duration::from_secs(8);
/// Largest picture: 8 MiB, the largest one that a 4K camera makes, four times over.
const PICTURE_BYTES_MAX: u64 = 8 << 20;
/// From the end of its output to ffmpeg's own: 500 ms.
const END_MAX: Duration = Duration::from_millis(500);

/// Why there is no picture.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum PictureError {
    /// The stream gives none.
    #[error("{0}")]
    Stream(String),
    /// It cannot be decoded.
    #[error("{0}")]
    Decoder(String),
    /// It takes too long.
    #[error("no picture within {} s", PICTURE_MAX.as_secs())]
    Late,
}

/// Makes pictures. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pictures {
    pub(super) hub: Hub,
    pub(super) children: Children,
    /// The program.
    pub(super) ffmpeg: String,
}

impl Pictures {
    /// The newest picture of a stream, within a frame of this size; a stream that nobody watches is started for it.
    ///
    /// # Errors
    /// There is none.
    pub(super) async fn take(
        &self,
        stream: &StreamName,
        width: u16,
        height: u16,
    ) -> Result<Bytes, PictureError> {
        tokio::time::timeout(PICTURE_MAX, self.make(stream, width, height))
            .await
            .unwrap_or(Err(PictureError::Late))
    }

    async fn make(&self, stream: &StreamName, width: u16, height: u16) -> Result<Bytes, PictureError> {
        let gone = |error: hub::WorkerGone| PictureError::Stream(error.to_string());
        let (reply, answer) = oneshot::channel();
        let worker = self.hub.worker().await.map_err(gone)?;
        let name = stream.clone();
        let job = move |worker: Worker| async move {
            let mut reply: oneshot::Sender<_> = reply;
            // Nobody waits for a stream that does not start: whoever asked has left by then.
            let taken = tokio::select! {
                taken = key_frame(&worker, &name) => taken,
                () = reply.closed() => return,
            };
            let _ = reply.send(taken);
        };
        worker.run(format!("homekit picture of {stream}"), job).await.map_err(gone)?;
        let (codec, frame) =
            answer.await.map_err(|_| PictureError::Stream("its worker has ended".into()))??;
        if codec == Codec::Mjpeg {
            return Ok(frame);
        }
        let format = if codec == Codec::H265 { "hevc" } else { "h264" };
        self.decode(stream, format, &frame, width, height).await
    }

    async fn decode(
        &self,
        stream: &StreamName,
        format: &str,
        frame: &[u8],
        width: u16,
        height: u16,
    ) -> Result<Bytes, PictureError> {
        let failed = |error: &dyn std::fmt::Display| PictureError::Decoder(format!("ffmpeg: {error}"));
        let scale =
            format!("scale={width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2");
        let words = ["-v", "error", "-f", format, "-i", "pipe:0", "-frames:v", "1", "-vf", &scale];
        let words = words.into_iter().chain(["-c:v", "mjpeg", "-q:v", "4", "-f", "mjpeg", "pipe:1"]);
        let mut spec = Spec::new("ffmpeg", &self.ffmpeg, words.map(str::to_owned).collect());
        spec.stream = Some(stream.clone());
        (spec.stdin, spec.stdout) = (true, true);
        let mut child = self.children.spawn(spec).await.map_err(|error| failed(&error))?;
        let pipes = (child.take_stdin(), child.take_stdout());
        let (Ok(Some(mut stdin)), Ok(Some(stdout))) = pipes else {
            return Err(PictureError::Decoder("ffmpeg: its pipes are closed".into()));
        };
        let mut picture = Vec::new();
        let give = async {
            let given = stdin.write_all(frame).await;
            drop(stdin);
            given
        };
        let mut limited = stdout.take(PICTURE_BYTES_MAX);
        let (_, taken) = tokio::join!(give, limited.read_to_end(&mut picture));
        child.first_bytes();
        let end = tokio::time::timeout(END_MAX, child.ended()).await;
        child.stop();
        match taken {
            Ok(_) if picture.starts_with(&[0xff, 0xd8]) => Ok(picture.into()),
            Ok(_) => match end {
                Ok(end) => Err(failed(&end)),
                Err(_) => Err(PictureError::Decoder("ffmpeg: it gave no picture".into())),
            },
            Err(error) => Err(failed(&error)),
        }
    }
}

/// The newest key frame with its parameter sets, as decoders read them from a file.
async fn key_frame(worker: &Worker, stream: &StreamName) -> Result<(Codec, Bytes), PictureError> {
    let failed = |error: &dyn std::fmt::Display| PictureError::Stream(error.to_string());
    let wants = Wants::none().with(Kind::Video, [Codec::H264, Codec::H265, Codec::Mjpeg]);
    let view = worker.open_for(stream, wants.clone()).await.map_err(|error| failed(&error))?;
    let tracks = view.ready().await.map_err(|error| failed(&error))?;
    let chosen = wants.choose(&tracks).first().copied();
    let track = chosen.and_then(|id| tracks.iter().find(|track| track.id == id));
    let track = track.ok_or_else(|| PictureError::Stream("it has no pictures that can be decoded".into()))?;
    let peer = PeerInfo { protocol: "homekit", transport: "jpeg", ..PeerInfo::default() };
    let mut reader = view.reader(Format::units_of(track.id), peer).map_err(|error| failed(&error))?;
    reader.ask(hub::Feedback::KeyframeWanted);
    loop {
        match reader.next().await {
            Item::Chunk(chunk) if chunk.keyframe => {
                let data = chunk.parts.first().cloned().unwrap_or_default();
                return Ok((track.codec, whole(track, &data)));
            }
            Item::Chunk(_) | Item::Header(_) => {}
            Item::Ended(reason) => return Err(failed(&reason)),
        }
    }
}

/// A frame with start codes, behind its track's parameter sets.
fn whole(track: &Track, data: &Bytes) -> Bytes {
    let mut out = BytesMut::with_capacity(data.len() + 256);
    if let CodecParams::H264 { sps, pps } = &track.params {
        put_annexb(&mut out, sps);
        pps.iter().for_each(|pps| put_annexb(&mut out, pps));
    } else if let CodecParams::H265 { vps, sps, pps, .. } = &track.params {
        put_annexb(&mut out, vps);
        put_annexb(&mut out, sps);
        pps.iter().for_each(|pps| put_annexb(&mut out, pps));
    } else {
        return data.clone();
    }
    split_length_prefixed(data).map_while(Result::ok).for_each(|nal| put_annexb(&mut out, nal));
    out.freeze()
}
