//! Which request goes where. Source: HAP specification (R2) §6.3, table 6-2.
use super::{Host, Output, Session, SessionError, State};
use crate::hap::accessory::Status;
use crate::hap::http::{JSON, Method, Request, Response};
use crate::hap::pairing::{AdminChange, CONTENT_TYPE, Reply, SetupEvent, VerifyEvent};
use crate::hap::random::Random;
use media::Moment;
use serde_json::{Value, json};

/// The largest picture that is asked for without a size: what phones show.
const PICTURE_DEFAULT: (u16, u16) = (1280, 720);

impl Session {
    /// Answers a request, or gives it to the owner. Returns what pair verify came to.
    pub(super) fn route(
        &mut self,
        host: &mut Host,
        request: &Request,
        random: &mut dyn Random,
        now: Moment,
    ) -> Result<Option<VerifyEvent>, SessionError> {
        match &mut self.state {
            State::Plain(verify) => match (request.method, request.path()) {
                (Method::Post, "/pair-verify") => {
                    let body = &request.body;
                    let outcome = verify.handle_message(body, &host.identity, &host.pairings, random);
                    self.send(&pairing(outcome.reply).to_bytes())?;
                    return Ok(outcome.event);
                }
                (Method::Post, "/pair-setup") => self.set_up(host, request, random, now)?,
                (Method::Post, "/identify") if host.pairings.is_empty() => {
                    self.outputs.push_back(Output::Identify);
                    self.send(&Response::empty(204).to_bytes())?;
                }
                (Method::Post, "/identify") => self.refuse(400, Status::InsufficientPrivileges)?,
                (Method::Get | Method::Put | Method::Post, _) => {
                    self.refuse(470, Status::InsufficientPrivileges)?;
                }
            },
            State::Secured { controller, .. } => {
                let controller = controller.clone();
                self.route_secured(host, &controller, request, now)?;
            }
            State::Closed => {}
        }
        Ok(None)
    }

    fn route_secured(
        &mut self,
        host: &mut Host,
        controller: &str,
        request: &Request,
        now: Moment,
    ) -> Result<(), SessionError> {
        // A pairing may have been removed on another connection that has not ended this one yet.
        if host.pairings.find(controller).is_none() {
            self.refuse(470, Status::InsufficientPrivileges)?;
            self.close();
            return Ok(());
        }
        match (request.method, request.path()) {
            (Method::Get, "/accessories") => self.send(&host.accessories.handle_accessories().to_bytes()),
            (Method::Get, "/characteristics") => {
                self.send(&host.accessories.handle_read(self.id, request).to_bytes())
            }
            (Method::Put, "/characteristics") => {
                match host.accessories.handle_write(self.id, &request.body, now) {
                    Ok(write) if write.is_empty() => {
                        let response = host.accessories.finish_write(write, now);
                        self.send(&response.to_bytes())
                    }
                    Ok(write) => {
                        self.answering = true;
                        self.outputs.push_back(Output::Write(write));
                        Ok(())
                    }
                    Err(response) => self.send(&response.to_bytes()),
                }
            }
            (Method::Put, "/prepare") => {
                self.send(&host.accessories.handle_prepare(self.id, &request.body, now).to_bytes())
            }
            (Method::Post, "/resource") => self.ask_for_picture(&request.body),
            (Method::Post, "/pairings") => self.administer(host, controller, &request.body),
            // They are for connections that are not enciphered.
            (Method::Post, "/pair-setup" | "/pair-verify" | "/identify") => {
                self.refuse(400, Status::InsufficientPrivileges)
            }
            (Method::Get | Method::Put | Method::Post, _) => self.refuse(404, Status::NotFound),
        }
    }

    fn set_up(
        &mut self,
        host: &mut Host,
        request: &Request,
        random: &mut dyn Random,
        now: Moment,
    ) -> Result<(), SessionError> {
        let is_paired = !host.pairings.is_empty();
        let outcome =
            host.setup.handle_message(self.id, &request.body, is_paired, &host.identity, random, now);
        match outcome.event {
            Some(SetupEvent::Paired(pairing)) => {
                host.pairings.insert(pairing);
                self.outputs.push_back(Output::StorePairings);
                self.outputs.push_back(Output::StoreTries(0));
            }
            Some(SetupEvent::WrongCode { tries }) => self.outputs.push_back(Output::StoreTries(tries)),
            None => {}
        }
        self.send(&pairing(outcome.reply).to_bytes())
    }

    fn administer(&mut self, host: &mut Host, controller: &str, body: &[u8]) -> Result<(), SessionError> {
        let outcome = host.pairings.handle_request(controller, body);
        let mut unpaired = Vec::new();
        match outcome.change {
            Some(AdminChange::Added(_)) => self.outputs.push_back(Output::StorePairings),
            Some(AdminChange::Removed { controllers, .. }) => {
                self.outputs.push_back(Output::StorePairings);
                unpaired = controllers;
            }
            None => {}
        }
        self.send(&pairing(outcome.reply).to_bytes())?;
        let is_own = unpaired.iter().any(|id| id == controller);
        if !unpaired.is_empty() {
            self.outputs.push_back(Output::Unpaired(unpaired));
        }
        if is_own {
            self.close();
        }
        Ok(())
    }

    fn ask_for_picture(&mut self, body: &[u8]) -> Result<(), SessionError> {
        let Ok(asked) = serde_json::from_slice::<Value>(body) else {
            return self.refuse(400, Status::InvalidValue);
        };
        if asked.get("resource-type").and_then(Value::as_str) != Some("image") {
            return self.refuse(404, Status::NotFound);
        }
        let size = |name, default| {
            let number = asked.get(name).and_then(Value::as_u64);
            number
                .and_then(|number| u16::try_from(number).ok())
                .filter(|number| *number > 0)
                .unwrap_or(default)
        };
        let (width, height) =
            (size("image-width", PICTURE_DEFAULT.0), size("image-height", PICTURE_DEFAULT.1));
        let aid = asked.get("aid").and_then(Value::as_u64).unwrap_or(1);
        self.answering = true;
        self.outputs.push_back(Output::Snapshot { aid, width, height });
        Ok(())
    }

    fn refuse(&mut self, http: u16, status: Status) -> Result<(), SessionError> {
        let body = json!({ "status": status.number() }).to_string().into_bytes();
        self.send(&Response::with_body(http, JSON, body).to_bytes())
    }
}

fn pairing(reply: Reply) -> Response {
    Response::with_body(reply.status, CONTENT_TYPE, reply.body)
}
