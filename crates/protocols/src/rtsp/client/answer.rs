//! Requests that the server sends to us. Source: RFC 2326 §10.
use super::{Client, Error, Goodbye, Output, State};
use crate::rtsp::message::{Method, Request, Response};

impl Client {
    pub(super) fn answer(&mut self, request: &Request) {
        let mut response = match &request.method {
            Method::Options => Response::new(200)
                .with("Public", "OPTIONS, ANNOUNCE, GET_PARAMETER, SET_PARAMETER, REDIRECT, TEARDOWN"),
            Method::GetParameter
            | Method::SetParameter
            | Method::Announce
            | Method::Redirect
            | Method::Teardown => Response::new(200),
            Method::Describe
            | Method::Setup
            | Method::Play
            | Method::Pause
            | Method::Record
            | Method::Other(_) => Response::new(501),
        };
        for name in ["CSeq", "Session"] {
            if let Some(value) = request.headers.get(name) {
                response.headers.push(name, value);
            }
        }
        self.outputs.push_back(Output::Transmit(response.encode()));
        match &request.method {
            Method::Redirect => {
                if let Some(location) = request.headers.get("Location") {
                    self.redirect(location);
                }
            }
            Method::Teardown if matches!(self.state, State::Teardown { .. }) => self.part(Goodbye::HungUp),
            Method::Teardown => self.fail(Error::Ended),
            Method::Options
            | Method::Describe
            | Method::Announce
            | Method::Setup
            | Method::Play
            | Method::Pause
            | Method::Record
            | Method::GetParameter
            | Method::SetParameter
            | Method::Other(_) => {}
        }
    }
}
