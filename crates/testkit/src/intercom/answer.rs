//! The answers: XML as devices write it, ended in each of the ways they end it, also drop by drop.
use super::call::Verdict;
use super::{Fault, Length, Shared};
use protocols::auth::{NONCE_LIFETIME, Refusal};
use protocols::isapi::client::Ask;
use std::io;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::request::Request;
use media::Moment;

/// An answer before it is written.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    fn xml(status: u16, body: String) -> Self {
        let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}\n");
        Self { status, headers: vec![("Content-Type", "application/xml".to_owned())], body }
    }

    /// `XML_ResponseStatus`.
    pub(super) fn status(status: u16, line: &str, code: u8, text: &str, sub: &str) -> Self {
        let path = line.split_once(' ').map_or(line, |(_, path)| path);
        Self::xml(
            status,
            format!(
                "<ResponseStatus version=\"2.0\" xmlns=\"http://www.hikvision.com/ver20/XMLSchema\">\n\
                 <requestURL>{path}</requestURL>\n<statusCode>{code}</statusCode>\n\
                 <statusString>{text}</statusString>\n<subStatusCode>{sub}</subStatusCode>\n</ResponseStatus>"
            ),
        )
    }

    /// What became of a request about a call.
    pub(super) fn of(verdict: Verdict, ask: Ask, line: &str, numbers: bool) -> Self {
        match verdict {
            Verdict::Done(number) if ask == Ask::Open && numbers => Self::xml(
                200,
                format!(
                    "<TwoWayAudioSession version=\"2.0\" xmlns=\"http://www.hikvision.com/ver20/XMLSchema\">\n\
                     <sessionId>{number}</sessionId>\n</TwoWayAudioSession>"
                ),
            ),
            Verdict::Done(_) => Self::status(200, line, 1, "OK", "ok"),
            Verdict::Busy => Self::status(403, line, 2, "Device Busy", "deviceBusy"),
            Verdict::Invalid => Self::status(403, line, 4, "Invalid Operation", "invalidOperation"),
        }
    }

    /// The channels; during a call its channel is `enabled`, as scrypted #1905 has it.
    pub(super) fn list(shared: &Shared) -> Self {
        let in_call = shared.records().call.as_ref().map(|call| call.channel);
        let channels: String = (1..)
            .zip(&shared.config.codecs)
            .map(|(id, codec)| {
                let rate = shared.config.rate.as_ref();
                let rate = rate
                    .map(|rate| format!("<audioSamplingRate>{rate}</audioSamplingRate>\n"))
                    .unwrap_or_default();
                format!(
                    "<TwoWayAudioChannel version=\"2.0\">\n<id>{id}</id>\n<enabled>{}</enabled>\n\
                     <audioCompressionType>{codec}</audioCompressionType>\n{rate}<speakerVolume>100</speakerVolume>\n\
                     <noisereduce>true</noisereduce>\n<audioInputType>MicIn</audioInputType>\n</TwoWayAudioChannel>\n",
                    in_call == Some(id)
                )
            })
            .collect();
        Self::xml(
            200,
            format!(
                "<TwoWayAudioChannelList version=\"2.0\" xmlns=\"http://www.hikvision.com/ver20/XMLSchema\">\n\
                 {channels}</TwoWayAudioChannelList>"
            ),
        )
    }

    /// 401, unless the request may be done.
    pub(super) fn unauthorized(
        shared: &Shared,
        request: &Request,
        fault: &Fault,
        done: &mut u32,
    ) -> Option<Self> {
        let verifier = shared.verifier.as_ref()?;
        // A nonce of the last request is as old as the clock says: here it jumps with each.
        let jumps = if matches!(fault, Fault::OldNonce(_)) { *done } else { 0 };
        let now = Moment::ZERO + shared.start.elapsed() + (NONCE_LIFETIME + Duration::from_secs(1)) * jumps;
        let verdict = verifier.verify(request.header("Authorization"), &request.method, &request.uri, now);
        let refusal = match (verdict, fault) {
            (_, Fault::UnauthorizedForEver) => Refusal::Missing,
            (Ok(_), _) => {
                *done += 1;
                return None;
            }
            (Err(Refusal::Stale), Fault::OldNonce(false)) => Refusal::Missing,
            (Err(refusal), _) => refusal,
        };
        let mut answer = Self::status(401, &request.line(), 4, "Invalid Operation", "badAuthorization");
        for challenge in verifier.challenges(refusal, now) {
            answer.headers.push(("WWW-Authenticate", challenge));
        }
        Some(answer)
    }

    /// Writes it; false when the connection is to be closed then.
    pub(super) async fn write(
        self,
        stream: &mut TcpStream,
        length: Length,
        fault: &Fault,
    ) -> io::Result<bool> {
        let reason = if self.status == 200 { "OK" } else { "Not OK" };
        let mut text = format!("HTTP/1.1 {} {reason}\r\n", self.status);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        match length {
            Length::Told => {
                text.push_str(&format!("Content-Length: {}\r\n\r\n{}", self.body.len(), self.body))
            }
            Length::Close => {
                let bytes = self.body.len();
                text.push_str(&format!("Content-Length: {bytes}\r\nConnection: close\r\n\r\n{}", self.body));
            }
            Length::Chunked => {
                let (first, second) = self.body.split_at(self.body.len() / 2);
                text.push_str("Transfer-Encoding: chunked\r\n\r\n");
                for part in [first, second] {
                    text.push_str(&format!("{:x}\r\n{part}\r\n", part.len()));
                }
                text.push_str("0\r\n\r\n");
            }
            Length::Silence => text.push_str(&format!("\r\n{}", self.body)),
        }
        if let Fault::Drip(apart) = fault {
            for byte in text.as_bytes() {
                stream.write_all(&[*byte]).await?;
                tokio::time::sleep(*apart).await;
            }
        } else {
            stream.write_all(text.as_bytes()).await?;
        }
        Ok(length != Length::Close)
    }
}
